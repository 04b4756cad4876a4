"""Metrics that compare pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metrics.arrays import Image, Score, as_batch, image_mean


def psnr(sources: Sequence[Image], fused: Image) -> Score:
    """Return 10 log10(255^2 / MSE) with the mean of the sources' MSE, dB; inf if that is 0.

    With a known result in place of both sources it is the ordinary PSNR.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    (*lumas, f), give_back = as_batch(*sources, fused)
    error = torch.stack([_squared_error(luma, f) for luma in lumas]).mean(dim=0)
    return give_back(10 * torch.log10(255**2 / error))


def rmse(sources: Sequence[Image], fused: Image) -> Score:
    """Return the mean over the sources of the root of the mean squared error, 0 to 255.

    RMSE = mean_S sqrt(mean (S - F)^2), in grey levels (Jagalingam and Hegde, Aquatic Procedia
    2015, for two sources).

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    (*lumas, f), give_back = as_batch(*sources, fused)
    return give_back(torch.stack([_squared_error(luma, f).sqrt() for luma in lumas]).mean(dim=0))


def _squared_error(luma: Tensor, fused: Tensor) -> Tensor:
    return image_mean((luma - fused).square())
