"""Pairs to fuse, and the programs that fuse them."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]


def picture(seed: int) -> NDArray[np.uint8]:
    """Return a smooth random image, (40, 56)."""
    noise = np.random.default_rng(seed).standard_normal((40, 56))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return (255 * (smooth - smooth.min()) / np.ptp(smooth)).round().astype(np.uint8)


def write_pairs(folder: Path, count: int) -> Path:
    """Write vis/p0.png, ir/p0.png and so on; visible images have color."""
    for side in ("vis", "ir"):
        (folder / side).mkdir(parents=True)
    for number in range(count):
        color = np.dstack([picture(3 * number + channel) for channel in range(3)])
        for side, pixels in (("vis", color), ("ir", picture(9999 - number))):
            assert cv2.imwrite(str(folder / side / f"p{number}.png"), pixels)
    return folder


def sources(folder: object) -> tuple[str, ...]:
    return ("--vis", f"{folder}/vis", "--ir", f"{folder}/ir")


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


def run_fusion(*words: object) -> subprocess.CompletedProcess[str]:
    """Run DenseFuse's run_fusion.py."""
    return run(ROOT / "DenseFuse_2019", "run_fusion.py", "--device", "cpu", *words)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}
