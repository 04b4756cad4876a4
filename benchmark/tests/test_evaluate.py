from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from images import read_luma
from metrics import METRICS

SCRIPT = Path(__file__).parents[1] / "evaluate.py"
SHAPE = (20, 24)
FUSED = {"mean": lambda a, b: a // 2 + b // 2, "visible": lambda a, b: b}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs ir/IR<n>.png, vis/VIS<n>.png and two methods' results in fused/."""
    rng = np.random.default_rng(1)
    for number in (1, 2, 3):
        ir, vis = rng.integers(0, 256, (2, *SHAPE), dtype=np.uint8)
        save(tmp_path / f"ir/IR{number}.png", ir)
        save(tmp_path / f"vis/VIS{number}.png", vis)
        for method, fuse in FUSED.items():
            save(tmp_path / f"{method}/{number}.png", fuse(ir, vis))
    return tmp_path


def save(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), image)


def evaluate(folder: Path, *extra: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    """Run evaluate.py in `folder` on the two methods, an empty locale as the hardest case."""
    command = [sys.executable, str(SCRIPT), "--ir", "ir", "--vis", "vis", "--fused", "mean=mean"]
    command += ["visible=visible", "--output", "out/scores.csv", "--workers", str(workers), *extra]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_scores_and_means(folder: Path) -> None:
    done = evaluate(folder, workers=2)
    assert done.returncode == 0, done.stderr
    header, *rows = read(folder / "out/scores.csv")
    assert header == ["method", "image", "en", "mi", "ssim", "qabf"]
    assert [row[:2] for row in rows] == [[m, str(n)] for m in FUSED for n in (1, 2, 3)]
    for method, number, *scores in rows:
        paths = (f"ir/IR{number}.png", f"vis/VIS{number}.png", f"{method}/{number}.png")
        ir, vis, fused = (read_luma(folder / path) for path in paths)
        expected = [metric.function([ir, vis], fused) for metric in METRICS.values()]
        assert [float(score) for score in scores] == pytest.approx(expected, abs=5e-7)
    title, *table = done.stdout.splitlines()
    assert title.split() == ["method", "images", "EN", "↑", "MI", "↑", "SSIM", "↑", "Qabf", "↑"]
    assert len({len(line) for line in (title, *table)}) == 1
    for line, method in zip(table, FUSED, strict=True):
        means = np.mean([[float(v) for v in row[2:]] for row in rows if row[0] == method], axis=0)
        name, count, *cells = line.split()
        assert (name, count) == (method, "3")
        assert [float(cell) for cell in cells] == pytest.approx(means, abs=6e-5)
    assert "3/3" in done.stderr
    assert list((folder / "out").iterdir()) == [folder / "out/scores.csv"]


def test_single_files(folder: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--ir", "ir/IR1.png", "--vis", "vis/VIS2.png"]
    command += ["--fused", "a=mean/3.png", "--fused", "b=ir/IR1.png", "--output", "one.csv"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert [row[:2] for row in read(folder / "one.csv")[1:]] == [["a", "2"], ["b", "2"]]


def test_existing_output_needs_overwrite(folder: Path) -> None:
    output = folder / "out/scores.csv"
    output.parent.mkdir()
    output.write_text("precious")
    done = evaluate(folder)
    assert done.returncode == 1
    assert "scores.csv exists; replace it with --overwrite" in done.stderr
    assert output.read_text() == "precious"
    assert evaluate(folder, "--overwrite").returncode == 0
    assert len(read(output)) == 7


def refuse(folder: Path, *messages: str, workers: int = 1) -> None:
    done = evaluate(folder, workers=workers)
    assert done.returncode == 1
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()


def test_a_missing_result_is_named(folder: Path) -> None:
    (folder / "mean/2.png").unlink()
    refuse(folder, "mean (--fused mean) has no image for 2 of --vis")


def test_sizes_must_agree(folder: Path) -> None:
    small = np.zeros((20, 23), dtype=np.uint8)
    save(folder / "visible/2.png", small)
    save(folder / "ir/IR3.png", small)
    sources = f"{Path('ir/IR3.png')} 20 x 23, {Path('vis/VIS3.png')} 20 x 24"
    result = f"{Path('vis/VIS2.png')} 20 x 24, {Path('visible/2.png')} 20 x 23"
    refuse(folder, sources, result)


def test_every_unreadable_file_is_named(folder: Path) -> None:
    (folder / "vis/VIS1.png").write_text("text")
    (folder / "mean/3.png").write_bytes(b"")
    vis, fused = Path("vis/VIS1.png"), Path("mean/3.png")
    messages = (f"{vis} cannot be decoded", f"mean, 3: {fused} cannot be decoded")
    refuse(folder, *messages, workers=2)


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        (("--fused", "mean"), 2, "expected NAME=DIR, found 'mean'"),
        (("--fused", "mean=visible"), 1, "--fused names a method twice"),
        (("--workers", "0"), 2, "expected a whole number from 1, found '0'"),
        (("--ir", "none"), 1, "none (--ir) does not exist"),
    ],
)
def test_wrong_arguments(folder: Path, extra: tuple[str, ...], status: int, message: str) -> None:
    done = evaluate(folder, *extra)
    assert done.returncode == status
    assert message in done.stderr
