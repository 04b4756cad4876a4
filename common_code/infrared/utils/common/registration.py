# From common_code/infrared/utils/common/registration.py; edit it there, then tools/sync.py.
"""Find the transform that brings an infrared image onto the visible one.

A search by FFT over rotations, scales and shifts (see `align`) gives the start. Gauss-Newton on
the same maps of oriented gradients refines it from coarse to fine (Baker and Matthews,
"Lucas-Kanade 20 years on", 2004; the mean gradient of both images is that of Benhimane and Malis,
"Real-time image-based tracking of planes using efficient second-order minimization", 2004). A
confidence decides whether the result is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from utils.common.align import (
    MIN_CONFIDENCE,
    WIDTH,
    confidence,
    gradient_maps,
    search,
    shrink,
    to_pixels,
    warp,
)
from utils.common.values import Array

REGISTERED, ALIGNED, FAILED = "registered", "already aligned", "could not register"
ANGLES = tuple(np.linspace(-4.0, 4.0, 7))  # degrees
SCALES = (0.94, 0.97, 1.0, 1.03, 1.06)
STEPS = 20  # of Gauss-Newton at a level, at most
STOP = 0.02  # pixels: a smaller step ends a level
MIN_DISPLACEMENT = 1 / 640  # of the width: corners that move by less are aligned
TRUSTED_DISPLACEMENT = 0.12  # of the width: of the corners; more lowers the confidence
CONFIDENCE_LOSS = 4.0  # for each width of displacement beyond it


def _directions(*changes: tuple[tuple[int, int, float], ...]) -> Array:
    """Return one matrix for each change, (K, 3, 3), from its entries (row, column, value)."""
    matrices = np.zeros((len(changes), 3, 3))
    for matrix, change in zip(matrices, changes, strict=True):
        for row, column, value in change:
            matrix[row, column] = value
    return matrices


SHIFTS = (((0, 2, 1.0),), ((1, 2, 1.0),))
LINEAR = (((0, 0, 1.0),), ((0, 1, 1.0),), ((1, 0, 1.0),), ((1, 1, 1.0),))
PERSPECTIVE = (((2, 0, 1.0),), ((2, 1, 1.0),))
MODELS = {  # the directions in which a transform may change, orthogonal to each other
    "similarity": _directions(*SHIFTS, ((0, 0, 1.0), (1, 1, 1.0)), ((1, 0, 1.0), (0, 1, -1.0))),
    "affine": _directions(*SHIFTS, *LINEAR),
    "homography": _directions(*SHIFTS, *LINEAR, *PERSPECTIVE),
}


class Level(NamedTuple):
    """One level of the refinement.

    Attributes:
        width: At which the maps are made, pixels.
        grid: At which they are compared, pixels.
        blur: Of the maps, pixels of `width`.
        pull: Towards the estimate before the level, in units of the mean diagonal of the normal
            matrix.
    """

    width: int
    grid: int
    blur: float
    pull: float


COARSE = (Level(WIDTH, WIDTH // 2, 4.0, 0.02),) * 2  # of an affine transform at most
FINE = (
    Level(WIDTH, WIDTH // 2, 2.0, 0.01),
    Level(WIDTH, WIDTH, 1.0, 0.005),
    Level(2 * WIDTH, WIDTH, 2.0, 0.01),
)
PERSPECTIVE_FIRST = (Level(WIDTH, WIDTH // 2, 4.0, 0.01),) * 2  # then `FINE`


@dataclass(frozen=True)
class Registration:
    """What was found for a pair.

    Attributes:
        matrix: From infrared to visible pixels, whose centers are whole numbers, (3, 3).
        status: `registered`, `already aligned` or `could not register`.
        confidence: 0 to 1.5, see `align.confidence`.
        shift: Of the center, right and down, in visible pixels.
        rotation: At the center, clockwise, in degrees.
        scale: At the center, once both images are drawn with the same width.
        displacement: Mean displacement of the corners, in visible pixels.
    """

    matrix: Array
    status: str
    confidence: float
    shift: tuple[float, float]
    rotation: float
    scale: float
    displacement: float


def register(visible: Array, infrared: Array, model: str = "affine") -> Registration:
    """Find the transform from an infrared image to a visible one.

    Args:
        visible: (H, W) or (H, W, 3), any type.
        infrared: The same, of any size: either its width or its height shows about as much of the
            scene, within 8 %.
        model: `similarity`, `affine` or `homography`.
    """
    images = (visible, infrared)
    aspects = [image.shape[0] / image.shape[1] for image in images]
    drawn = {width: [shrink(image, width) for image in images] for width in (WIDTH, 2 * WIDTH)}
    ratio = aspects[0] / aspects[1]
    bases = (1.0, ratio) if abs(ratio - 1) > SCALES[3] - 1 else (1.0,)  # equal widths or heights
    small = drawn[WIDTH]
    scales = [base * scale for base in bases for scale in SCALES]
    found = search(small[0], small[1], ANGLES, scales)
    levels = [(level, "affine" if model == "homography" else model) for level in COARSE]
    if model == "homography":
        levels += [(level, model) for level in PERSPECTIVE_FIRST]
    levels += [(level, model) for level in FINE]
    for level, kind in levels:
        found = _refine(drawn[level.width], aspects, found, level, MODELS[kind])
    moved = min(_displacement(found, aspects[0], np.diag([base, base, 1])) for base in bases)
    sure = 0.0
    if np.isfinite(moved):
        sure = confidence(small[0], *_draw(small[1], small[0].shape, aspects, found))
        sure = max(0.0, sure - CONFIDENCE_LOSS * max(0.0, moved - TRUSTED_DISPLACEMENT))
    outward = np.linalg.inv(found) if sure else np.eye(3)
    matrix = to_pixels(visible.shape) @ outward @ np.linalg.inv(to_pixels(infrared.shape))
    return describe(matrix, visible.shape, infrared.shape, sure)


def describe(
    matrix: Array, shape: Sequence[int], infrared_shape: Sequence[int], sure: float
) -> Registration:
    """Return a transform from infrared to visible pixels with what it does in words and numbers.

    Args:
        matrix: (3, 3).
        shape: Of the visible image.
        infrared_shape: Of the infrared image.
        sure: Its confidence.
    """
    outward = np.linalg.inv(to_pixels(shape)) @ matrix @ to_pixels(infrared_shape)
    outward = outward / outward[2, 2]
    center = outward[:2, 2]
    turn = outward[:2, :2] - np.outer(center, outward[2, :2])  # derivative at the center
    moved = _displacement(outward, shape[0] / shape[1])
    status = ALIGNED if moved < MIN_DISPLACEMENT else REGISTERED
    return Registration(
        matrix / matrix[2, 2],
        status if sure >= MIN_CONFIDENCE else FAILED,
        sure,
        (float(center[0]) * shape[1] / 2, float(center[1]) * shape[1] / 2),
        float(np.degrees(np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))),
        float(np.sqrt(abs(np.linalg.det(turn)))),
        moved * shape[1],
    )


def _displacement(transform: Array, aspect: float, scale: Array | None = None) -> float:
    """Return by how much the corners move besides a scale, on average, in widths of the image."""
    corners = np.array([[x, y, 1] for x in (-1, 1) for y in (-aspect, aspect)])
    moved = corners @ (transform if scale is None else scale @ transform).T
    return float(np.hypot(*(moved[:, :2] / moved[:, 2:] - corners[:, :2]).T).mean()) / 2


def _draw(
    infrared: Array, shape: Sequence[int], aspects: Sequence[float], found: Array
) -> tuple[Array, Array]:
    """Return an infrared image on the visible grid, its border repeated, and where it is."""
    matrix = to_pixels(infrared.shape, aspects[1]) @ found
    matrix = matrix @ np.linalg.inv(to_pixels(shape, aspects[0]))
    content = np.ones(infrared.shape, np.float32)
    return (
        warp(infrared, matrix, shape, cv2.BORDER_REPLICATE),
        warp(content, matrix, shape, cv2.BORDER_CONSTANT),
    )


def _refine(
    pair: Sequence[Array], aspects: Sequence[float], found: Array, level: Level, directions: Array
) -> Array:
    """Return a better transform from visible to infrared by Gauss-Newton at one level.

    Args:
        pair: Visible and infrared image, (h, w) of the level's width, float32.
        aspects: Height by width of the images as they are.
        found: The transform so far, (3, 3), normalized.
        level: The level.
        directions: One of `MODELS`.
    """
    warped, mask = _draw(pair[1], pair[0].shape, aspects, found)
    planes = [gradient_maps(pair[0], level.blur), gradient_maps(warped, level.blur), mask]
    size = (level.grid, round(warped.shape[0] * level.grid / level.width))
    fixed, maps, mask = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in planes)
    grid = to_pixels(fixed.shape, aspects[0])
    back = np.linalg.inv(grid)
    right, down = _fields(fixed.shape, grid, directions)
    slopes = _gradient(fixed)
    norms = np.square(directions).sum(axis=(1, 2))
    change = np.eye(3)
    for _ in range(STEPS):
        matrix = grid @ change @ back
        moved = warp(maps, matrix, fixed.shape, cv2.BORDER_REPLICATE)
        inside = warp(mask, matrix, fixed.shape, cv2.BORDER_CONSTANT) > 0.99
        dx, dy = (
            (one + other) / 2 * inside[..., None]
            for one, other in zip(slopes, _gradient(moved), strict=True)
        )
        off = fixed - moved
        xx, xy, yy, x, y = (
            np.einsum("hwc,hwc->hw", one, other).ravel()
            for one, other in ((dx, dx), (dx, dy), (dy, dy), (dx, off), (dy, off))
        )
        normal = (right * xx + down * xy) @ right.T + (right * xy + down * yy) @ down.T
        pull = level.pull * np.trace(normal) / len(normal) + 1e-9
        gone = np.tensordot(directions, change - np.eye(3)) / norms
        step = np.linalg.solve(
            normal + pull * np.eye(len(normal)), right @ x + down @ y - pull * gone
        )
        change = change @ (np.eye(3) + np.tensordot(step, directions, axes=1))
        change = change / change[2, 2]
        if np.abs(step).max() * grid[0, 0] < STOP:
            break
    return found @ change


def _fields(shape: Sequence[int], grid: Array, directions: Array) -> Array:
    """Return by how many pixels each direction moves each pixel right and down, (2, K, N)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    points = np.linalg.inv(grid) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])  # (3, N)
    moved = directions @ points  # (K, 3, N)
    fields = moved[:, :2] - points[:2] * moved[:, 2:]
    fields = fields * np.array([grid[0, 0], grid[1, 1]])[:, None]
    return np.ascontiguousarray(fields.transpose(1, 0, 2), np.float32)


def _gradient(maps: Array) -> tuple[Array, Array]:
    """Return the central differences of maps, to the right and downwards."""
    across = cv2.Sobel(maps, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    return across, cv2.Sobel(maps, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
