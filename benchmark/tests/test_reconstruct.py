"""Reconstructions by a toy method: the image, darker by one gray level in 255."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from benchmark.reconstruct import quality
from benchmark.tests.cli import Done, save
from benchmark.tests.plain import skimage_ssim

FUSION = """
from pathlib import Path
class ImageFusion:
    channels = {channels}
    def __init__(self, weights=None, device="auto"):
        self.weights = weights or Path("own.safetensors")
    def fuse(self, sources):
        return (sources[0] - sources[0].dtype.type(1 / 255)).clip(0, 1)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A method's folder, and photographs beside it: one gray, one color."""
    rng = np.random.default_rng(3)
    save(tmp_path / "photos/gray.png", rng.integers(1, 256, (20, 24), dtype=np.uint8))
    save(tmp_path / "photos/rgb.png", rng.integers(1, 256, (21, 20, 3), dtype=np.uint8))
    (tmp_path / "photos/notes.txt").touch()
    (tmp_path / "method/utils").mkdir(parents=True)
    return tmp_path / "method"


def run(home: Path, channels: int, *flags: str) -> Done:
    (home / "utils/util_fusion.py").write_text(FUSION.format(channels=channels))
    command = [sys.executable, "-m", "benchmark.reconstruct", "--images", "../photos", *flags]
    return subprocess.run(command, cwd=home, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gray_level_is_48_db(home: Path, channels: int) -> None:
    done = run(home, channels, "--weights", "other/model.safetensors", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 images, other/model.safetensors: PSNR 48.13 dB, SSIM 0.999")
    assert "worst: " in done.stdout


def test_the_first_photographs_alone(home: Path) -> None:
    done = run(home, 1, "--first", "1")
    assert done.stdout.startswith("1 images, own.safetensors: ")
    assert "worst: gray.png " in done.stdout


def test_what_cannot_be_scored_is_an_error(home: Path) -> None:
    assert "error: method has no --rgb_mode" in run(home, 1, "--rgb_mode", "luma").stderr
    assert "in nowhere (--images)" in run(home, 1, "--images", "nowhere").stderr
    command = [sys.executable, "-m", "benchmark.reconstruct", "--images", "photos"]
    done = subprocess.run(command, cwd=home.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not the folder of a method" in done.stderr
    assert "--method names one" in done.stderr


def test_quality_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(4)
    image = rng.random((40, 50)).astype(np.float32)
    other = (image + rng.normal(0, 0.05, image.shape)).clip(0, 1).astype(np.float32)
    found = quality(image, other)
    assert found.psnr == pytest.approx(peak_signal_noise_ratio(image, other, data_range=1))
    expected = skimage_ssim(255 * image.astype(np.float64), 255 * other.astype(np.float64))
    assert found.ssim == pytest.approx(expected, abs=1e-5)
    assert quality(image, image) == (np.inf, 1)
