# From common_code/exposures/tests/scenes.py; edit it there, then tools/sync.py.
"""Exposures of made-up scenes."""

from pathlib import Path

import numpy as np

from tests.helpers import picture, put


def exposures(
    seed: int,
    count: int = 2,
    size: tuple[int, int] = (33, 47),
    channels: int = 3,
    dtype: type = np.uint8,
) -> list[np.ndarray]:
    """Return one scene, exposed ever longer: dark tones drown first, bright ones burn last."""
    top = np.iinfo(dtype).max
    scene = picture(seed, *size, channels, np.uint16) / 65535
    gains = np.linspace(0.5, 1.8, count)
    return [np.rint((gain * scene).clip(0, 1) * top).astype(dtype) for gain in gains]


def put_scene(folder: Path, seed: int = 0, count: int = 2, **kind: object) -> list[Path]:
    """Write a scene's exposures into a folder, the brightest first by name."""
    images = exposures(seed, count, **kind)
    return [put(folder / f"{'zyxwvut'[i]}.png", image) for i, image in enumerate(images)]


def put_scenes(folder: Path, number: int, count: int = 2, **kind: object) -> Path:
    """Write `number` scenes, a folder each, and return the folder that holds them."""
    for index in range(number):
        put_scene(folder / f"s{index:02d}", index, count, **kind)
    return folder


def put_couple(folder: Path, stem: str, seed: int = 0, **kind: object) -> list[Path]:
    """Write `under/<stem>.png` and `over/<stem>.png` of one scene, and return both paths."""
    images = exposures(seed, **kind)
    names = ("under", "over")
    return [put(folder / n / f"{stem}.png", i) for n, i in zip(names, images, strict=True)]
