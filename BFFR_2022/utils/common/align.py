# From common_code/base/utils/common/align.py; edit it there, then tools/sync.py.
"""Whether images seem registered, and registering hand-held exposures."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from utils.common.image import Array, to_unit

ALIGNED_SIDE = 128  # pixels: the size at which alignment is judged
MIN_SHIFT = 4  # pixels of those: a smaller shift is not reported
MAX_SHARE = 6  # shifts of up to a sixth of a side are looked for
MIN_CORRELATION = 0.3  # the best shift's correlation coefficient, to be reported
MIN_GAIN = 1.3  # the best shift's correlation over that of no shift, to be reported
COARSEST_SIDE = 16  # pixels: on coarser levels AlignMTB is at a loss


def misalignment(first: Array, second: Array) -> tuple[int, int] | None:
    """Return a shift (dx, dy) in pixels by which `second` probably lies off `first`.

    Both are shrunk to at most 128 pixels a side and reduced to edge strength, which survives a
    change of modality. Of their circular cross-correlation, taken by FFT, the best shift of up to
    a sixth of a side is reported if it is at least 4 of those pixels, correlates by 0.3 or more,
    and 1.3 times as well as no shift. That takes a few milliseconds and catches about two thirds
    of the shifts by a twelfth of the width; sub-pixel errors, rotation and parallax go unseen.

    Args:
        first: (H, W) or (H, W, 3), any type.
        second: Likewise, of the same size.
    """
    height, width = first.shape[:2]
    scale = ALIGNED_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    edges = [_edge_strength(image, size) for image in (first, second)]
    spectrum = np.fft.rfft2(edges[1]) * np.conj(np.fft.rfft2(edges[0]))
    correlation = np.fft.fftshift(np.fft.irfft2(spectrum, s=edges[0].shape))
    middle, reach = np.array(correlation.shape) // 2, np.array(correlation.shape) // MAX_SHARE
    near = correlation[tuple(slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))]
    dy, dx = np.array(np.unravel_index(int(near.argmax()), near.shape)) - reach
    least = max(
        MIN_GAIN * correlation[tuple(middle)],
        MIN_CORRELATION * np.linalg.norm(edges[0]) * np.linalg.norm(edges[1]),
    )
    if max(abs(dx), abs(dy)) < MIN_SHIFT or near.max() <= least:
        return None
    return round(dx / scale), round(dy / scale)


def _edge_strength(image: Array, size: tuple[int, int]) -> Array:
    """Return zero-mean, windowed edge strength at `size` (width, height)."""
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    gray = small.mean(axis=2) if small.ndim == 3 else small
    gray = cv2.GaussianBlur(gray, (0, 0), 1.0)
    strength = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    strength = np.sqrt(strength)  # a few hot edges shall not outweigh the rest
    window = np.outer(np.hanning(size[1]), np.hanning(size[0]))
    return (strength - strength.mean()) * window


def align_exposures(images: Sequence[Array]) -> tuple[list[Array], list[tuple[int, int]]]:
    """Shift exposures onto the one of middle brightness, and cut them to what all of them show.

    The shifts are those of OpenCV's AlignMTB (Ward, "Fast, Robust Image Registration for
    Compositing High Dynamic Range Photographs from Handheld Exposures", 2003): whole pixels, about
    a sixteenth of the shorter side at most, without rotation. Images that are mostly black or
    burnt out stay where they are.

    Args:
        images: Two or more, (H, W) or (H, W, 3), of one size.

    Returns:
        The images, (h, w) or (h, w, 3), and the (dx, dy) by which each one was moved.
    """
    grays = [np.rint(255 * to_unit(np.atleast_3d(image)).mean(axis=2)) for image in images]
    middle = int(np.argsort([gray.mean() for gray in grays])[len(images) // 2])
    levels = [gray.astype(np.uint8) for gray in grays]
    shifts = [_shift(levels[middle], level) for level in levels]
    height, width = images[0].shape[:2]
    columns, rows = ([shift[axis] for shift in shifts] for axis in (0, 1))
    left, right = max(*columns, 0), width + min(*columns, 0)
    top, bottom = max(*rows, 0), height + min(*rows, 0)
    cut = [
        image[top - dy : bottom - dy, left - dx : right - dx]
        for image, (dx, dy) in zip(images, shifts, strict=True)
    ]
    return cut, shifts


def _shift(reference: Array, image: Array) -> tuple[int, int]:
    """Return the (dx, dy) that brings an image onto the reference, uint8 (H, W) each.

    None is found in images that are mostly black or burnt out, where AlignMTB does not even bring
    an image onto itself, and in tiny ones.
    """
    halvings = math.log2(min(reference.shape) / COARSEST_SIDE)
    if halvings < 1:
        return 0, 0
    aligner = cv2.createAlignMTB(max_bits=min(6, int(halvings)))
    if any(aligner.calculateShift(x, x) != (0, 0) for x in (reference, image)):
        return 0, 0
    dx, dy = aligner.calculateShift(reference, image)
    return int(dx), int(dy)
