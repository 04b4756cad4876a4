"""Visual information fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.luma import as_luma

WINDOWS = (17, 9, 5, 3)  # pixels a side, one a scale; sigma is a fifth of it
NOISE = 2.0  # variance of the noise of the eye
TINY = 1e-10  # a variance below this is none
SMALLEST = 41  # pixels a side: the last scale then has room for its window


def vif(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return the sum over the sources of the pixel-domain VIF(source, fused), from 0.

    VIF is the share of the information of a source that the eye still finds in the fused image
    (Sheikh and Bovik, TIP 2006, in the pixel domain, as in their `vifp_mscale`): over 4 scales,

        VIF = sum log(1 + g^2 sigma_S^2 / (sigma_V^2 + 2)) / sum log(1 + sigma_S^2 / 2),
        g = sigma_SF / sigma_S^2, sigma_V^2 = sigma_F^2 - g sigma_SF,

    moments weighted by Gaussian windows of 17, 9, 5 and 3 pixels, sigma a fifth of that, where
    the window lies inside the image; each scale is the one before smoothed with the window of its
    own and halved. F = S gives 1, more contrast more than 1. NaN where a source is constant.

    Args:
        sources: Luma of the source images, each (H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than 41 pixels.
    """
    *source_lumas, fused_luma = as_luma(*sources, fused)
    height, width = fused_luma.shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"VIF needs at least {SMALLEST} x {SMALLEST} pixels, found {height} x {width}"
        )
    return sum(_fidelity(luma, fused_luma) for luma in source_lumas)


def _fidelity(source: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    """Return VIF of one source and the fused image."""
    kept = total = 0.0
    for scale, size in enumerate(WINDOWS):
        if scale:
            source, fused = (_smooth(image, size)[::2, ::2] for image in (source, fused))
        mean_s, mean_f = _smooth(source, size), _smooth(fused, size)
        var_s = np.maximum(_smooth(source * source, size) - mean_s * mean_s, 0)
        var_f = np.maximum(_smooth(fused * fused, size) - mean_f * mean_f, 0)
        covariance = _smooth(source * fused, size) - mean_s * mean_f
        related = (var_s >= TINY) & (var_f >= TINY) & (covariance > 0)
        gain = np.where(related, covariance / (var_s + TINY), 0)
        noise = np.maximum(var_f - gain * covariance, TINY) + NOISE
        var_s[var_s < TINY] = 0
        kept += float(np.log1p(gain * gain * var_s / noise).sum())
        total += float(np.log1p(var_s / NOISE).sum())
    return kept / total if total else float("nan")


def _smooth(image: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Average with a Gaussian window where it lies inside the image, (H - size + 1, ...)."""
    kernel = cv2.getGaussianKernel(size, size / 5)
    edge = size // 2
    smooth: NDArray[Any] = cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel)
    return smooth[edge:-edge, edge:-edge]
