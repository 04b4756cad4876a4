"""Fixtures: students with random weights, pairs, and writers of streams."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from apps.realtime.models import Student

ROOT = Path(__file__).resolve().parents[3]
MakeStudent = Callable[..., Path]
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="onnx, onnxscript or onnxruntime is not installed",
)


def picture(seed: int, size: tuple[int, int], channels: int = 1) -> np.ndarray:
    """Return a smooth random image over the full range of 8 bits, (H, W) or (H, W, 3)."""
    noise = np.random.default_rng(seed).standard_normal((*size, channels))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0).reshape(*size, channels)
    low, high = smooth.min(), smooth.max()
    pixels = ((smooth - low) / (high - low) * 255).round().astype(np.uint8)
    return pixels if channels == 3 else pixels[..., 0]


def write_pairs(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Write a set of pairs, visible ones in color."""
    for number in range(count):
        for role, channels in (("vis", 3), ("ir", 1)):
            path = folder / role / f"scene{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), picture(10 * number + channels, size, channels))
    return folder


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> MakeStudent:
    """Return a function that writes the weights of a student and gives the file."""

    def make(whole: bool = False, average: bool = False, **about: str) -> Path:
        torch.manual_seed(5)
        network = Student(whole)
        if not average:
            for layer in (network.last, *network.sides.children()):
                torch.nn.init.normal_(layer.weight, std=0.05)
            if whole:
                torch.nn.init.normal_(network.condition[-1].weight, std=2.0)
        path = tmp_path_factory.mktemp("student") / "student.safetensors"
        save_file(network.state_dict(), path, {"teacher": "u2fusion", "kind": "pair", **about})
        return path

    return make
