"""Fixtures: sources, and the files that the methods export."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

ROOT = Path(os.environ.get("REPOSITORY", Path(__file__).resolve().parents[3]))
PAIR, EXPOSURES = ("vis", "ir"), ("under", "over")


class Case(NamedTuple):
    """A method, how it is exported and called, and the flags that name its sources."""

    method: str
    export: tuple[str, ...] = ()
    fusion: tuple[str, ...] = ()
    sources: tuple[str, str] = PAIR


CASES = {
    "DeepFuse": Case("DeepFuse_2017", sources=EXPOSURES),
    "DeepFuse levels": Case(
        "DeepFuse_2017", ("--levels", "3"), ("--levels", "3"), sources=EXPOSURES
    ),
    "DenseFuse": Case("DenseFuse_2019", ("--strategy", "l1"), ("--strategy", "l1")),
    "DenseFuse RGB": Case("DenseFuse_2019", ("--rgb_mode", "channels"), ("--rgb_mode", "channels")),
    "NestFuse": Case("NestFuse_2020", ("--tiled",)),
    "NestFuse max": Case("NestFuse_2020", ("--tiled", "--channel", "max"), ("--channel", "max")),
    "NestFuse whole": Case("NestFuse_2020"),
    "U2Fusion": Case("U2Fusion_2020", ("--sources", "exposures"), (), EXPOSURES),
    "BFFR": Case("BFFR_2022", ("--tiled",)),
}
Export = Callable[[str], Path]


def run(folder: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Return a function that exports a case, once, and gives the file."""
    for package in ("torch", "onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")

    @cache
    def call(name: str) -> Path:
        case = CASES[name]
        path = tmp_path_factory.mktemp("onnx") / f"{case.method}.onnx"
        done = run(ROOT / case.method, "run_export.py", "--output", path, *case.export)
        assert done.returncode == 0, done.stderr
        return path

    return call


def picture(seed: int, channels: int, dtype: type, size: tuple[int, int] = (75, 90)) -> np.ndarray:
    """Return a smooth random image over the full range: (H, W) or (H, W, 3)."""
    noise = np.random.default_rng(seed).standard_normal((*size, channels))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0).reshape(*size, channels)
    low, high = smooth.min(), smooth.max()
    pixels = ((smooth - low) / (high - low) * np.iinfo(dtype).max).round().astype(dtype)
    return pixels if channels == 3 else pixels[..., 0]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a color image of 8 bits, its infrared image, and two exposures of 16 bits.

    The under-exposed one is the brighter, so that their order matters.
    """
    folder = tmp_path_factory.mktemp("images")
    pixels = {
        "vis": picture(1, 3, np.uint8),
        "ir": picture(2, 1, np.uint8),
        "under": picture(3, 3, np.uint16) // 2 + 32767,
        "over": picture(4, 3, np.uint16) // 2,
    }
    for name, image in pixels.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), image)
    return {name: folder / f"{name}.png" for name in pixels}
