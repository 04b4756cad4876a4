from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from tools.regression import compare, describe_image

ROOT = Path(__file__).resolve().parents[1]
METHOD = ROOT / "DenseFuse_2019"
DEMO = ROOT / "common_data" / "demo" / "ir_vis"
STEM = "foggy_road"
STORED = {"loss": {"epoch 1": 50.0}, "a": {"mean": 90.0, "grid": [80.0, 100.0]}}


def test_luma_figures_of_a_known_image(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 4:] = (10, 20, 30)  # B, G, R: luma 0.114 * 10 + 0.587 * 20 + 0.299 * 30
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    figures = describe_image(tmp_path / "a.png")
    assert figures == {"mean": 10.925, "std": 10.925, "grid": [0.0, 0.0, 21.85, 21.85] * 4}
    cv2.imwrite(str(tmp_path / "b.png"), np.full((8, 8), 257 * 7, np.uint16))
    assert describe_image(tmp_path / "b.png")["mean"] == 7.0


@pytest.mark.parametrize(
    ("part", "figures", "problem"),
    [
        ("loss", {"epoch 1": 50.4}, None),
        ("loss", {"epoch 1": 50.6}, "loss, epoch 1: 50.6"),
        ("loss", {"epoch 1": float("nan")}, "loss, epoch 1: nan"),
        ("loss", {}, "loss, epoch 1: only stored"),
        ("a", {"mean": 90.04, "grid": [80.0, 99.96]}, None),
        ("a", {"mean": 90.0, "grid": [80.0, 99.9]}, "a, grid 1: 99.9"),
        ("b", {"mean": 1.0}, "b, mean: only found"),
    ],
)
def test_comparison(part: str, figures: dict[str, float], problem: str | None) -> None:
    problems = compare({**STORED, part: figures}, STORED)
    assert len(problems) == (problem is not None)
    assert all(line.startswith(str(problem)) for line in problems)


@pytest.mark.parametrize("layer", [None, "encoder.conv1.0.weight", "decoder.conv4.0.weight"])
def test_a_layer_that_is_off_by_one_percent_is_caught(tmp_path: Path, layer: str | None) -> None:
    """DenseFuse's shipped weights give the stored figures, altered ones do not."""
    tensors = load_file(METHOD / "weights" / "densefuse_gray" / "model.safetensors")
    if layer:
        tensors[layer] *= 1.01
    save_file(tensors, tmp_path / "weights.safetensors")
    flags = {
        "--ir": DEMO / "ir" / f"{STEM}.png",
        "--vis": DEMO / "vis" / f"{STEM}.png",
        "--weights": tmp_path / "weights.safetensors",
        "--output": tmp_path / "fused.png",
        "--device": "cpu",
    }
    command = [sys.executable, "run_fusion.py", *(str(w) for flag in flags.items() for w in flag)]
    subprocess.run(command, cwd=METHOD, check=True, capture_output=True, timeout=120)
    stored = json.loads((METHOD / "regression.json").read_text("utf-8"))[STEM]
    assert bool(compare(describe_image(tmp_path / "fused.png"), stored)) == bool(layer)
