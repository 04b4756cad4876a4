"""Plain forms: windows and patches for evaluations pixel by pixel, and scikit-image's SSIM."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Array = NDArray[np.float64]


def window(size: int, sigma: float) -> Array:
    """Return a Gaussian of `size` x `size` pixels and of sum 1."""
    offset = np.arange(size) - size // 2
    weights = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * sigma**2))
    return weights / weights.sum()


def patches(image: Array, size: int) -> Array:
    """Return every patch inside the image, (H - size + 1, W - size + 1, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))


def half(image: Array) -> Array:
    """Average 2 x 2 pixels from the first on, what is beyond the last being the last again."""
    height, width = image.shape
    halved = np.zeros(((height + 1) // 2, (width + 1) // 2))
    for row, column in np.ndindex(halved.shape):
        rows = [2 * row, min(2 * row + 1, height - 1)]
        columns = [2 * column, min(2 * column + 1, width - 1)]
        halved[row, column] = image[np.ix_(rows, columns)].mean()
    return halved


def sobel(image: Array, at: Sequence[int], border: str) -> tuple[float, float]:
    """Return the Sobel responses to the right and down at one pixel."""
    mode = {"zeros": "constant", "repeated": "edge", "mirrored": "reflect"}[border]
    padded = np.pad(image, 1, mode=mode)  # type: ignore[call-overload]
    right = down = 0.0
    for i, j in np.ndindex(3, 3):
        value = padded[at[0] + i, at[1] + j]
        right += (j - 1) * (2 - abs(i - 1)) * value
        down += (i - 1) * (2 - abs(j - 1)) * value
    return right, down


def skimage_ssim(source: Array, fused: Array) -> float:
    """Return SSIM as published."""
    ssim: float = structural_similarity(
        source,
        fused,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return ssim
