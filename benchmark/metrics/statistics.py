"""Metrics on the statistics of pixel values."""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.metrics.arrays import (
    image_mean,
    image_sum,
    is_constant,
    metric_of_fused,
    metric_of_sources,
)


@metric_of_fused("SD")
def standard_deviation(fused: Tensor) -> Tensor:
    """Return the standard deviation SD of the fused image, 0 to 127.5.

    SD = sqrt(mean (F - mean F)^2), the mean over all pixels, not over one less.

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    return fused.flatten(1).std(dim=1, correction=0)


@metric_of_sources("CC")
def correlation(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the correlation CC, -1 to 1.

    CC = mean_S r(S, F), r Pearson's correlation over all pixels (as in Ma, Ma and Li, Information
    Fusion 2019, Sec. 5.2). NaN where an image is constant; A = B = F gives 1.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    return torch.stack([pearson(luma, fused) for luma in sources]).mean(dim=0)


@metric_of_sources("SCD", pair=True)
def scd(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the sum of the correlations of differences SCD, -2 to 2.

    SCD = r(F - B, A) + r(F - A, B), r Pearson's correlation: the difference of F and one source
    should be like the other source (Aslantas and Bendes, AEU 2015). NaN where a source or a
    difference is constant, as when F is one of the sources.

    Args:
        sources: Luma of the two source images A and B, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image F, same shape and range.

    Raises:
        ValueError: If there are not two sources.
    """
    a, b = sources
    return pearson(fused - b, a) + pearson(fused - a, b)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Return Pearson's correlation of each pair of images, (B,), NaN where one is constant."""
    undefined = is_constant(x) | is_constant(y)
    x, y = (image - image_mean(image).reshape(-1, 1, 1, 1) for image in (x, y))
    r = image_sum(x * y) / torch.sqrt(image_sum(x * x) * image_sum(y * y))
    return torch.where(undefined, torch.nan, r.clamp(-1, 1))
