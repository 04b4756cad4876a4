"""Metrics from information theory, on 256-bin histograms with logarithms to base 2.

A value that is no whole number is counted in the bin it rounds to, halves upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.luma import as_luma, round_luma

BINS = 256


def entropy(image: NDArray[Any]) -> float:
    """Return the entropy EN of one image in bits, 0 to 8.

    EN = -sum_i p_i log2 p_i, p_i the share of the pixels with value i (Shannon 1948).

    Args:
        image: Luma, (H, W), in 0-255.
    """
    return _entropy_of_codes(_levels(image))


def mutual_information(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return the mutual information MI of the sources and the fused image in bits.

    MI = sum_S H(S) + H(F) - H(S, F), from joint histograms of 256 x 256 bins (Qu, Zhang and Yan,
    Electronics Letters 2002); 0 to the sum of the sources' entropies.

    Args:
        sources: Luma of the source images, each (H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    *source_levels, fused_levels = map(_levels, as_luma(*sources, fused))
    return sum(
        _entropy_of_codes(levels)
        + _entropy_of_codes(fused_levels)
        - _entropy_of_codes(BINS * levels + fused_levels)
        for levels in source_levels
    )


def _levels(image: NDArray[Any]) -> NDArray[np.intp]:
    """Return the whole numbers 0 to 255 that luma rounds to."""
    (luma,) = as_luma(image)
    return round_luma(luma).astype(np.intp)


def _entropy_of_codes(codes: NDArray[np.intp]) -> float:
    """Return the entropy in bits of the distribution of non-negative whole numbers."""
    counts = np.bincount(codes.ravel())
    share = counts[counts > 0] / codes.size
    return float(np.sum(share * np.log2(1 / share)))
