# From common_code/base/utils/common/align.py; edit it there, then tools/sync.py.
"""Whether two images seem to be registered."""

import cv2
import numpy as np

from utils.common.values import Array

ALIGNED_SIDE = 128  # pixels: the size at which alignment is judged
MIN_SHIFT = 4  # pixels of those: a smaller shift is not reported
MAX_SHARE = 6  # the largest shift that is searched is a sixth of a side
MIN_CORRELATION = 0.3  # a shift is reported from this correlation coefficient on
MIN_GAIN = 1.3  # and if it correlates so many times as well as no shift


def misalignment(first: Array, second: Array) -> tuple[int, int] | None:
    """Return a shift (dx, dy) in pixels by which `second` probably lies off `first`.

    Both are shrunk to at most 128 pixels a side and reduced to edge strength, which survives a
    change of modality. Of their circular cross-correlation, taken by FFT, the best shift of up to
    a sixth of a side is reported if it is at least 4 of those pixels, correlates by 0.3 or more,
    and 1.3 times as well as no shift. That takes a few milliseconds and catches about two thirds
    of the shifts by a twelfth of the width; sub-pixel errors, rotation and parallax go unseen.

    Args:
        first: (H, W) or (H, W, 3), any type.
        second: (H, W) or (H, W, 3), any type, of the same size.
    """
    height, width = first.shape[:2]
    scale = ALIGNED_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    edges = [_edge_strength(image, size) for image in (first, second)]
    spectrum = np.fft.rfft2(edges[1]) * np.conj(np.fft.rfft2(edges[0]))
    correlation = np.fft.fftshift(np.fft.irfft2(spectrum, s=edges[0].shape))
    middle, limit = np.array(correlation.shape) // 2, np.array(correlation.shape) // MAX_SHARE
    near = correlation[tuple(slice(m - r, m + r + 1) for m, r in zip(middle, limit, strict=True))]
    dy, dx = np.array(np.unravel_index(int(near.argmax()), near.shape)) - limit
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
    strength = np.sqrt(strength)  # so that a few strong edges do not outweigh the rest
    window = np.outer(np.hanning(size[1]), np.hanning(size[0]))
    return (strength - strength.mean()) * window
