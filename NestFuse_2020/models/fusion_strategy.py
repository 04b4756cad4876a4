"""Spatial and channel attention between encoder and decoder (NestFuse, Sec. III-C).

They take the features of N registered sources at one scale, (N, B, C, H, W), and return those of
the fused image, (B, C, H, W). N equal sources give what one gives, and their order is free.

Departure: features are those of images in [0, 1]. The soft-max of the spatial attention depends on
their scale, so they are multiplied by 255 in it, which makes it the paper's.
"""

from functools import reduce

import torch
from torch import Tensor

RANGE = 255.0  # of the images that the paper's soft-max was made for
SPATIAL = ("mean", "sum")  # over channels
CHANNEL = ("avg", "max", "nuclear")  # over the map of a channel
ATTENTION = ("both", "spatial", "channel")


def spatial_weights(features: Tensor, kind: str = "mean") -> Tensor:
    """Return every source's weight at each pixel (Eqs. 3 and 4): (N, B, 1, H, W), summing to 1.

    Args:
        features: (N, B, C, H, W).
        kind: The activity is the `mean` or the `sum` of absolute values over the channels; the
            paper's L1 norm is the sum, the official code's default the mean.
    """
    activity = RANGE * features.abs().sum(dim=2, keepdim=True)
    if kind == "mean":
        activity = activity / features.shape[2]
    return activity.softmax(dim=0)


def pool(features: Tensor, kind: str = "avg") -> Tensor:
    """Return one number for each channel's whole map (Eq. 6): (N, B, C, H, W) to (N, B, C).

    Args:
        features: Not negative.
        kind: `avg` and `max` over the map, or `nuclear`, the sum of the map's singular values.
    """
    if kind == "nuclear":
        return torch.linalg.svdvals(features.contiguous()).sum(dim=-1)
    return features.amax(dim=(3, 4)) if kind == "max" else features.mean(dim=(3, 4))


def channel_weights(pooled: Tensor) -> Tensor:
    """Return every source's weight in each channel (Eq. 7): (N, B, C), summing to 1.

    Channels that are empty in all sources are weighted alike.
    """
    total = pooled.sum(dim=0)
    return torch.where(total > 0, pooled / total.clamp_min(1e-30), 1 / len(pooled))


def weigh(features: Tensor, weights: Tensor) -> Tensor:
    """Return the sources' sum with (N, B, ...) weights that broadcast: (B, C, H, W)."""
    return reduce(torch.add, (weights * features).unbind())


def fuse_scale(
    features: Tensor, pooled: Tensor, spatial: str = "mean", attention: str = "both"
) -> Tensor:
    """Return the fused features of one scale (Eqs. 2, 5 and 8).

    Args:
        features: (N, B, C, H, W), of the whole image or a part of it.
        pooled: Of the whole image, (N, B, C), from `pool`.
        spatial: See `spatial_weights`.
        attention: The mean of `both`, or `spatial` or `channel` attention alone.
    """
    if attention == "spatial":
        return weigh(features, spatial_weights(features, spatial))
    by_channel = channel_weights(pooled)[..., None, None]
    if attention == "channel":
        return weigh(features, by_channel)
    return weigh(features, (spatial_weights(features, spatial) + by_channel) / 2)
