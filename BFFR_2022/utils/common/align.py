# From common_code/base/utils/common/align.py; edit it there, then tools/sync.py.
"""How well two images of different kinds lie on each other, judged by where their edges are.

What two cameras of different spectra have in common are places and directions of edges, not
values, nor on which side of an edge they are greater. So both images are turned into maps of the
strength and of the double angle of their gradient, each normalized by its surroundings (Haber and
Modersitzki, "Intensity gradient based registration and fusion of multi-modal images", 2006, use
the same invariance). The maps are compared by masked normalized cross-correlation (Padfield,
"Masked object registration in the Fourier domain", 2012).

Normalized coordinates are 0 at the center of an image and -1 and 1 at its left and right border,
with the same unit downwards, so that a transform does not depend on how large an image is drawn.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from utils.common.values import Array

WIDTH = 320  # pixels: the size at which images are compared
MAX_SHIFT = 0.16  # of the width: how far the search looks
BLOCKS = (4, 5)  # rows and columns of blocks that have to agree
BLOCK_SHIFT = 10  # pixels: how far a block is moved to find its best position
AGREEMENT = 2.0  # pixels: a block agrees if its best position lies within it
COVERED = 0.9  # share of a block that has to be covered by both images
MIN_CONFIDENCE = 0.4  # one of 120 pairs of unrelated scenes reaches it
MIN_SHIFT = 0.02  # of the width: a smaller shift is not warned of


def gradient_maps(gray: Array, blur: float) -> Array:
    """Return what is compared of an image.

    Args:
        gray: (H, W), float32.
        blur: Standard deviation of the last blur, in pixels.

    Returns:
        (H, W, 3): the normalized strength of the gradient less its surroundings', and strength
        times cosine and sine of twice its angle.
    """
    gray = cv2.GaussianBlur(gray, (0, 0), 1.0)
    dx, dy = cv2.Scharr(gray, cv2.CV_32F, 1, 0), cv2.Scharr(gray, cv2.CV_32F, 0, 1)
    energy = dx * dx + dy * dy
    level = energy + 0.7 * cv2.GaussianBlur(energy, (0, 0), 10.0) + 0.1 * energy.mean()
    level += np.float32(np.finfo(np.float32).tiny)  # of a flat image all maps are 0
    strength = np.sqrt(energy / level)
    strength -= cv2.GaussianBlur(strength, (0, 0), 10.0)
    maps = np.dstack([strength, (dx * dx - dy * dy) / level, 2 * dx * dy / level])
    return cv2.GaussianBlur(maps, (0, 0), blur)


def shrink(image: Array, width: int = WIDTH) -> Array:
    """Return an image, (H, W) or (H, W, 3), as gray float32 of a width in pixels."""
    height = max(16, round(image.shape[0] * width / image.shape[1]))
    method = cv2.INTER_AREA if image.shape[1] > width else cv2.INTER_LINEAR
    small = cv2.resize(image, (width, height), interpolation=method).astype(np.float32)
    return small.mean(axis=2) if small.ndim == 3 else small


def to_pixels(shape: Sequence[int], aspect: float | None = None) -> Array:
    """Return the matrix from normalized coordinates to pixels, whose centers are whole numbers.

    Args:
        shape: Height and width of the drawn image.
        aspect: Height by width of the image that was drawn so; the drawn height is rounded.
    """
    height, width = shape[:2]
    down = height / (2 * (aspect or height / width))
    return np.array([[width / 2, 0, (width - 1) / 2], [0, down, (height - 1) / 2], [0, 0, 1]])


def warp(image: Array, matrix: Array, shape: Sequence[int], border: int) -> Array:
    """Return an image drawn on another grid, bilinearly.

    Args:
        image: (H, W) or (H, W, C).
        matrix: From pixels of the result to pixels of `image`, (3, 3).
        shape: Height and width of the result.
        border: What stands for pixels outside, `cv2.BORDER_*`.
    """
    size = (shape[1], shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, matrix, size, flags=flags, borderMode=border)


def search(
    visible: Array, infrared: Array, angles: Sequence[float], scales: Sequence[float]
) -> Array:
    """Return the best transform of a grid of rotations, scales and all shifts.

    Args:
        visible: (h, w), float32, `WIDTH` pixels wide.
        infrared: The same, of any height.
        angles: Degrees.
        scales: How many times larger the infrared image is drawn.

    Returns:
        From visible to infrared normalized coordinates, (3, 3).
    """
    first, second = (
        cv2.resize(gradient_maps(each, 4.0), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for each in (visible, infrared)
    )
    shape = first.shape[:2]
    aspects = [each.shape[0] / each.shape[1] for each in (visible, infrared)]
    reach = round(MAX_SHIFT * shape[1])
    padded = [cv2.getOptimalDFTSize(side + 2 * reach) for side in shape]
    fixed = np.conj(_spectra(first, np.ones(shape, np.float32), padded))
    best, found = -np.inf, np.eye(3)
    for angle in np.radians(angles):
        for scale in scales:
            cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
            turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
            matrix = to_pixels(second.shape, aspects[1]) @ turned
            matrix = matrix @ np.linalg.inv(to_pixels(shape, aspects[0]))
            maps = warp(second, matrix, shape, cv2.BORDER_CONSTANT)
            mask = warp(np.ones(second.shape[:2], np.float32), matrix, shape, cv2.BORDER_CONSTANT)
            maps[..., 1:] = maps[..., 1:] @ _rotation(2 * angle)
            score = _correlation(fixed, _spectra(maps, mask, padded), padded, reach)
            if score.max() > best:
                best = score.max()
                dy, dx = np.array(np.unravel_index(score.argmax(), score.shape)) - reach
                shift = np.eye(3)
                shift[:2, 2] = dx / (shape[1] / 2), dy / (shape[1] / 2)
                found = turned @ shift
    return found


def _rotation(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]], np.float32)


def _spectra(maps: Array, mask: Array, padded: Sequence[int]) -> Array:
    """Return the spectra of the three maps, of their energy and of the mask, (5, h, w)."""
    energy = np.square(maps).sum(axis=2)
    planes = np.concatenate([np.moveaxis(maps, 2, 0), [energy, mask]])
    return np.fft.rfft2(planes, s=tuple(padded))


def _correlation(fixed: Array, moved: Array, padded: Sequence[int], reach: int) -> Array:
    """Return the correlation at shifts of -reach to reach, (2 reach + 1, 2 reach + 1).

    Shifts at which less than half of the image is covered by both count nothing.
    """
    products = [
        (fixed[:3] * moved[:3]).sum(axis=0),
        fixed[3] * moved[4],  # energy of the first in the overlap
        fixed[4] * moved[3],
        fixed[4] * moved[4],  # size of the overlap
    ]
    planes = np.fft.irfft2(np.stack(products), s=tuple(padded))
    near = np.arange(-reach, reach + 1)
    cross, energy, other, overlap = planes[:, near[:, None], near]
    enough = overlap > 0.5 * overlap.max()
    scale = np.sqrt(np.maximum(energy * other, 1e-12 * max(1e-12, float((energy * other).max()))))
    return np.where(enough, cross / scale, -1.0)


def confidence(visible: Array, warped: Array, mask: Array) -> float:
    """Return how well two images lie on each other: correlation and half of the blocks' agreement.

    Args:
        visible: (h, w), float32, `WIDTH` pixels wide.
        warped: The other image, drawn on the same grid.
        mask: 1 where it has content, (h, w).

    Returns:
        0 to 1.5; unrelated scenes stay below `MIN_CONFIDENCE`.
    """
    inside = mask > COVERED
    first, second = (gradient_maps(each, 2.0) * inside[..., None] for each in (visible, warped))
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    if not norm:
        return 0.0
    border = [(BLOCK_SHIFT, BLOCK_SHIFT)] * 2
    wide = np.pad(second, [*border, (0, 0)])
    rows, columns = (
        np.linspace(0, side, parts + 1).astype(int)
        for side, parts in zip(visible.shape, BLOCKS, strict=True)
    )
    agreeing = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            if inside[top:bottom, left:right].mean() < COVERED:
                continue
            around = wide[top : bottom + 2 * BLOCK_SHIFT, left : right + 2 * BLOCK_SHIFT]
            scores = cv2.matchTemplate(around, first[top:bottom, left:right], cv2.TM_CCORR_NORMED)
            _, _, _, (x, y) = cv2.minMaxLoc(scores)
            agreeing.append(np.hypot(x - BLOCK_SHIFT, y - BLOCK_SHIFT) <= AGREEMENT)
    agreement = float(np.mean(agreeing)) if agreeing else 0.0
    return float(np.vdot(first, second)) / norm + agreement / 2


def misalignment(first: Array, second: Array) -> tuple[int, int] | None:
    """Return a shift (dx, dy) in pixels by which `second` probably lies off `first`.

    A shift is returned if it is at least a fiftieth of the width and `confidence` is sure of it,
    surer than of no shift. Rotation, scale and parallax go unseen.

    Args:
        first: (H, W) or (H, W, 3), any type.
        second: (H, W) or (H, W, 3), any type, of the same size.
    """
    grays = [shrink(first), shrink(second)]
    shift = search(grays[0], grays[1], angles=(0.0,), scales=(1.0,))[:2, 2]
    if np.hypot(*shift) / 2 < MIN_SHIFT:
        return None
    shape = grays[0].shape
    sure = []
    for dx, dy in ((0.0, 0.0), shift * (WIDTH / 2)):
        matrix = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]])
        moved = warp(grays[1], matrix, shape, cv2.BORDER_REPLICATE)
        content = warp(np.ones(shape, np.float32), matrix, shape, cv2.BORDER_CONSTANT)
        sure.append(confidence(grays[0], moved, content))
    if sure[1] < MIN_CONFIDENCE or sure[1] <= sure[0]:
        return None
    dx, dy = shift * (first.shape[1] / 2)
    return round(dx), round(dy)
