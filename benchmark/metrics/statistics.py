"""Metrics on the statistics of pixel values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.luma import as_luma


def standard_deviation(image: NDArray[Any]) -> float:
    """Return the standard deviation SD of one image, 0 to 127.5.

    SD = sqrt(mean (F - mean F)^2), the mean over all pixels, not over one less.

    Args:
        image: Luma, (H, W), in 0-255.
    """
    (luma,) = as_luma(image)
    return float(luma.std())


def scd(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return the sum of the correlations of differences SCD, -2 to 2.

    SCD = r(F - B, A) + r(F - A, B), r Pearson's correlation: what F holds beyond the one source
    should be the other (Aslantas and Bendes, AEU 2015). NaN where a source or a difference is
    constant, as when F is one of the sources.

    Args:
        sources: Luma of the two source images A and B, each (H, W), in 0-255.
        fused: Luma of the fused image F, same shape and range.

    Raises:
        ValueError: If there are not two sources.
    """
    if len(sources) != 2:
        raise ValueError(f"SCD is defined for 2 sources, found {len(sources)}")
    a, b, f = as_luma(*sources, fused)
    return _correlation(f - b, a) + _correlation(f - a, b)


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return Pearson's correlation of two images, -1 to 1, NaN if one is constant."""
    if x.min() == x.max() or y.min() == y.max():
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
