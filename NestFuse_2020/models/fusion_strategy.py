"""Spatial and channel attention between encoder and decoder (NestFuse, Sec. III-C).

Attention takes the features of N registered sources at one scale, (N, B, C, H, W), and gives those
of the fused image, (B, C, H, W). N equal sources give the same result as one of them, and the order
of the sources does not matter.

Departure: features are those of images in [0, 1], not 0-255. The soft-max of the spatial attention
depends on their scale, so it multiplies them by 255 and computes the same as the paper's.
"""

from functools import reduce

import torch
from torch import Tensor

RANGE = 255.0  # greatest value of the images for which the paper defines its soft-max
SPATIAL = ("mean", "sum")  # of absolute values over the channels of a pixel
CHANNEL = ("avg", "max", "nuclear")  # pooling of the map of a channel
ATTENTION = ("both", "spatial", "channel")


def spatial_weights(features: Tensor, kind: str = "mean") -> Tensor:
    """Return the weights of the sources at each pixel (Eqs. 3 and 4).

    Args:
        features: (N, B, C, H, W).
        kind: The activity is the `mean` or the `sum` of absolute values over the channels. The
            paper's L1 norm is the sum; the default of the official code is the mean.

    Returns:
        (N, B, 1, H, W), with sum 1 over the sources.
    """
    activity = RANGE * features.abs().sum(dim=2, keepdim=True)
    if kind == "mean":
        activity = activity / features.shape[2]
    return activity.softmax(dim=0)


def pool(features: Tensor, kind: str = "avg") -> Tensor:
    """Return one number for the whole map of each channel (Eq. 6): (N, B, C, H, W) to (N, B, C).

    Args:
        features: Not negative, (N, B, C, H, W).
        kind: `avg` and `max` over the map, or `nuclear`, the sum of the map's singular values.
    """
    if kind == "nuclear":
        return torch.linalg.svdvals(features.contiguous()).sum(dim=-1)
    return features.amax(dim=(3, 4)) if kind == "max" else features.mean(dim=(3, 4))


def channel_weights(pooled: Tensor) -> Tensor:
    """Return the weights of the sources in each channel (Eq. 7), with sum 1 over the sources.

    In a channel that is zero in all sources, the weights are equal.

    Args:
        pooled: (N, B, C), from `pool`; the result has the same shape.
    """
    total = pooled.sum(dim=0)
    return torch.where(total > 0, pooled / total.clamp_min(1e-30), 1 / len(pooled))


def weigh(features: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of the sources, (B, C, H, W); weights broadcast to the features."""
    return reduce(torch.add, (weights * features).unbind())


def fuse_scale(
    features: Tensor, pooled: Tensor, spatial: str = "mean", attention: str = "both"
) -> Tensor:
    """Return the fused features of one scale (Eqs. 2, 5 and 8).

    Args:
        features: Features of the whole image or of a part of it, (N, B, C, H, W).
        pooled: Numbers from `pool` for the whole image, (N, B, C).
        spatial: See `spatial_weights`.
        attention: The mean of `both`, or `spatial` or `channel` attention alone.
    """
    if attention == "spatial":
        return weigh(features, spatial_weights(features, spatial))
    by_channel = channel_weights(pooled)[..., None, None]
    if attention == "channel":
        return weigh(features, by_channel)
    return weigh(features, (spatial_weights(features, spatial) + by_channel) / 2)
