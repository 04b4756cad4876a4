"""Bfloat16 beside float32, with a toy method whose differences are known."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark import ROOT
from benchmark.half_precision import difference, times
from benchmark.tests.cli import save


class Toy:
    """Half precision is one gray level of 255 brighter, at one pixel of a hundred three."""

    precision = ""

    def fuse(self, sources: list[np.ndarray]) -> np.ndarray:
        fused = sources[0].copy()
        if self.precision == "bfloat16":
            fused += 1 / 255
            fused[0, 0] += 2 / 255
        return fused


def test_differences_are_in_gray_levels() -> None:
    scenes = [[np.full((10, 10), 0.25 * n)] * 2 for n in (1, 2)]
    found = difference(Toy(), scenes)
    assert found.mean == pytest.approx(1.02)
    assert found.largest == pytest.approx(3)


def test_times_are_medians_and_their_ratio() -> None:
    exact, half, ratio = map(float, times(Toy(), [np.zeros((4, 4))] * 2, rounds=1).split(" | "))
    assert exact >= 0
    assert half >= 0
    assert ratio > 0


def test_one_method_on_one_pair(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for side in ("ir", "vis"):
        blocks = rng.integers(0, 256, (4, 5), dtype=np.uint8)
        save(tmp_path / side / "a.png", np.kron(blocks, np.ones((8, 8), np.uint8)))
    words = ["--data", str(tmp_path), "--first", "1", "--rounds", "1", "--device", "cpu"]
    command = [sys.executable, "-m", "benchmark.half_precision", "--methods", "DenseFuse_2019"]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *_, row = done.stdout.splitlines()
    name, *_, mean, largest = (cell.strip() for cell in row.strip("|").split("|"))
    assert name == "DenseFuse_2019"
    assert 0 < float(mean) < float(largest) < 10


def test_a_missing_set_is_an_error() -> None:
    command = [sys.executable, "-m", "benchmark.half_precision", "--data", "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no set nowhere (--data)")
