"""The arrays that every metric works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_luma(*images: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return images as float64 luma, so that integer input cannot wrap or saturate.

    Args:
        images: Luma of one size, (H, W), in 0-255, of any integer or float type.

    Raises:
        ValueError: If an array is not 2-D, the shapes differ, or a value lies outside 0-255 or is
            not finite.
    """
    shapes = [np.shape(image) for image in images]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise ValueError(f"expected luma arrays of one size (H, W), found shapes {shapes}")
    lumas = [np.asarray(image, dtype=np.float64) for image in images]
    for luma in lumas:
        if not (luma.min() >= 0 and luma.max() <= 255):
            raise ValueError(f"expected luma in 0-255, found {luma.min():g} to {luma.max():g}")
    return lumas


def round_luma(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round luma half up to the whole numbers 0 to 255, what an 8-bit image would hold."""
    return np.floor(luma + 0.5)
