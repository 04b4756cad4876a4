"""Files that people upload."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "common_data" / "demo"
STREET = [DEMO / "ir_vis" / kind / "night_street.png" for kind in ("vis", "ir")]


def save(path: Path, pixels: NDArray[np.integer]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def bomb(path: Path, side: int) -> Path:
    """Write a PNG that promises side x side pixels and holds none."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def deep_pair(folder: Path) -> list[Path]:
    """Write a visible and an infrared image of 16 bits, whose low bytes are not empty."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 2**16, (2, 8, 10), dtype=np.uint16)
    names = ("vis/deep.png", "ir/deep.png")
    return [
        save(folder / name, np.kron(block, np.ones((9, 8), np.uint16)))
        for name, block in zip(names, blocks, strict=True)
    ]
