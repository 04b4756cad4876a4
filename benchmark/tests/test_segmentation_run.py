"""A real training of a moment, and the smaller copy of a set."""

import csv
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark import ROOT
from benchmark.segmentation import CLASSES, SEGMENTER
from benchmark.segmentation.shrink import main
from benchmark.tests.cli import Done, save


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A set of three scenes in which a warm square is a person, and everything else background."""
    rng = np.random.default_rng(1)
    for number, scene in enumerate("abc"):
        label = np.zeros((48, 64), np.uint8)
        label[8 * number : 8 * number + 16, 8:40] = 2
        vis = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        save(tmp_path / f"set/labels/{scene}.png", label)
        save(tmp_path / f"set/vis/{scene}.png", vis)
        save(tmp_path / f"set/ir/{scene}.png", np.where(label, 255, vis[..., 0]).astype(np.uint8))
    (tmp_path / "set/train.txt").write_text("a\nb\n")
    (tmp_path / "set/val.txt").write_text("c\n")
    return tmp_path


def segment(home: Path, *more: str) -> Done:
    flags = ["--data", "set", "--output", "out", "--device", "cpu", "--seeds", "4"]
    small = ["--iterations", "2", "--warmup", "1", "--batch", "2", "--crop", "48", "64"]
    command = [sys.executable, "-m", "benchmark.segmentation", *flags, *small, *more]
    return subprocess.run(command, cwd=home, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mmseg") is None, reason="mmsegmentation is not installed")
def test_a_segmenter_is_trained_and_tested_from_any_folder(home: Path) -> None:
    done = segment(home, "--protocol", "visible")
    assert done.returncode == 0, done.stderr
    with (home / "out/segmentation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["Visible", "Infrared", "Average"]
    assert all(0 <= float(row["person"]) <= 100 for row in rows)
    assert not list((home / "out").rglob("*.pth"))  # only the small weights are kept
    assert (home / "out/runs/Visible/seed4/checkpoints/segmenter.safetensors").is_file()
    predicted = cv2.imread(str(home / "out/predictions/Infrared/from_Visible_seed4/c.png"), -1)
    assert predicted.shape == (48, 64)
    assert "onedl-mmsegmentation" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mmseg") is None, reason="mmsegmentation is not installed")
def test_the_reason_of_a_failed_training_is_printed(home: Path) -> None:
    (home / "broken.safetensors").write_bytes(b"nothing")
    done = segment(home, "--pretrained_backbone", "broken.safetensors")
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "broken.safetensors" in done.stderr
    assert "(see out/runs/Visible/seed4.txt)" in done.stderr


def test_the_classes_are_those_of_the_segmenter() -> None:
    code = "from utils.util_dataset import CLASSES; print(*CLASSES)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(
        command, cwd=ROOT / SEGMENTER, capture_output=True, text=True, check=True
    )
    assert tuple(found.stdout.split()) == CLASSES


def test_a_smaller_copy_of_a_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert main(["--data", "set", "--size", "32", "24", "--output", "half"]) == 0
    assert (home / "half/train.txt").read_text() == "a\nb\n"
    assert (home / "half/val.txt").read_text() == "c\n"
    original = cv2.imread("set/vis/b.png").astype(float)
    copy = cv2.imread("half/vis/b.png")
    means = original.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(copy - means).max() <= 0.5
    labels = cv2.imread("half/labels/b.png", -1)
    assert (labels == cv2.imread("set/labels/b.png", -1)[::2, ::2]).all()


def test_a_copy_that_cannot_be_made_is_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(home)
    assert main(["--data", "set", "--size", "65", "48", "--output", "half"]) == 1
    assert "65x48 (--size) is larger than the images, 64x48" in capsys.readouterr().err
    assert main(["--data", "set", "--size", "32", "24", "--output", "set"]) == 1
    assert "set (--output) exists" in capsys.readouterr().err
