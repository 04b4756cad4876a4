"""Metrics that compare pixel by pixel."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.metrics.arrays import image_mean, metric_of_sources


@metric_of_sources("PSNR")
def psnr(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return 10 log10(255^2 / MSE) with the mean of the sources' MSE, dB; inf if that is 0.

    With a known result in place of both sources it is the ordinary PSNR.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    error = torch.stack([_squared_error(luma, fused) for luma in sources]).mean(dim=0)
    return 10 * torch.log10(255**2 / error)


@metric_of_sources("RMSE")
def rmse(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the mean over the sources of the root of the mean squared error, 0 to 255.

    RMSE = mean_S sqrt(mean (S - F)^2), in gray levels (Jagalingam and Hegde, Aquatic Procedia
    2015, for two sources).

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    return torch.stack([_squared_error(luma, fused).sqrt() for luma in sources]).mean(dim=0)


@metric_of_sources("MSE")
def mse(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the mean over the sources of the mean squared error, 0 to 255^2.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    return torch.stack([_squared_error(luma, fused) for luma in sources]).mean(dim=0)


def _squared_error(luma: Tensor, fused: Tensor) -> Tensor:
    return image_mean((luma - fused).square())
