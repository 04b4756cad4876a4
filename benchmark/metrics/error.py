"""Metrics that compare pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import mean_squared_error

from metrics.luma import as_luma


def psnr(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return 10 log10(255^2 / MSE) with the mean of the sources' MSE, dB; inf if that is 0.

    With a known result in place of both sources it is the ordinary PSNR.

    Args:
        sources: Luma of the source images, each (H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    *source_lumas, fused_luma = as_luma(*sources, fused)
    error = np.mean([mean_squared_error(luma, fused_luma) for luma in source_lumas])
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(255**2 / error))
