"""Random warps of three sizes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Warp(NamedTuple):
    """The greatest change of each kind; every pair draws its own, up to it in both directions.

    Attributes:
        shift: Of the width, right and down.
        rotation: Degrees.
        scale: Besides 1.
        corners: Of the width, of each corner by itself, right and down.
    """

    shift: float
    rotation: float
    scale: float
    corners: float


WARPS = {
    "S": Warp(0.04, 1, 0, 0),
    "M": Warp(0.08, 3, 0.05, 0),
    "L": Warp(0.08, 3, 0.05, 0.06),
}


def draw_warp(limits: Warp, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Return a random warp from pixels to pixels, (3, 3)."""
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    center = np.array([width - 1, height - 1]) / 2
    angle = np.radians(rng.uniform(-limits.rotation, limits.rotation))
    scale = 1 + rng.uniform(-limits.scale, limits.scale)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - center) @ turn.T + center + rng.uniform(-1, 1, 2) * limits.shift * width
    moved = moved + rng.uniform(-1, 1, (4, 2)) * limits.corners * width
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
