"""Metrics that compare local structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from metrics.luma import as_luma

WINDOW = 11  # pixels a side: scikit-image cuts a Gaussian of sigma 1.5 there


def ssim(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return the mean over the sources of SSIM(source, fused), -1 to 1.

    SSIM of Wang et al. (TIP 2004): per pixel
    (2 mu_S mu_F + C1)(2 sigma_SF + C2) / ((mu_S^2 + mu_F^2 + C1)(sigma_S^2 + sigma_F^2 + C2)),
    moments weighted by an 11 x 11 Gaussian of sigma 1.5, C1 = (0.01 x 255)^2, C2 = (0.03 x 255)^2,
    averaged over the positions whose window lies inside the image.

    Args:
        sources: Luma of the source images, each (H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    *source_lumas, fused_luma = as_luma(*sources, fused)
    if min(fused_luma.shape) < WINDOW:
        height, width = fused_luma.shape
        raise ValueError(
            f"SSIM needs at least {WINDOW} x {WINDOW} pixels, found {height} x {width}"
        )
    values = [
        structural_similarity(
            luma,
            fused_luma,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for luma in source_lumas
    ]
    return float(np.mean(values))
