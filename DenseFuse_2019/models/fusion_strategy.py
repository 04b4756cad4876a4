"""The fusion layer between encoder and decoder (DenseFuse, Sec. III-B), for two or more sources.

Every strategy takes the features of N registered sources, (N, B, C, H, W), and returns those of
the fused image, (B, C, H, W). N equal sources give the same result as one of them, and the order
of the sources does not matter.

Departure: the paper's addition is a sum, ours is the mean. The two differ only by a factor, which
a min-max stretch of the result hides. Without such a stretch, the sum decodes to an image that is
about twice as bright as the sources.

The sources are combined one by one: a sum over the first dimension of channels-last maps is about
20 times slower.
"""

from collections.abc import Callable
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

L1_BLOCK_RADIUS = 1  # pixels: the paper's r, a 3x3 block


def fuse_addition(features: Tensor) -> Tensor:
    """Return the mean of the feature maps (Eq. 2 divided by the number of sources)."""
    return reduce(torch.add, features.unbind()) / len(features)


def fuse_max(features: Tensor) -> Tensor:
    """Return the largest value of each feature; not a strategy of the paper."""
    return reduce(torch.maximum, features.unbind())


def fuse_l1(features: Tensor) -> Tensor:
    """Return the sum weighted by block-averaged channel L1 norms (Eqs. 3 to 6).

    The norms are divided by their largest value before the ratio is taken, so that no range of
    the input can overflow or underflow. Where all norms are zero, the sources have equal weights.
    """
    sources, batch, _, height, width = features.shape
    norm = features.abs().sum(dim=2)  # (N, B, H, W)
    block = 2 * L1_BLOCK_RADIUS + 1
    padded = F.pad(norm, (L1_BLOCK_RADIUS,) * 4, mode="reflect")
    activity = F.avg_pool2d(padded, block, stride=1).view(sources, batch, height, width)
    activity = activity / activity.amax(dim=0).clamp_min(1e-30)  # in [0, 1], one source at 1
    activity = activity + (activity.sum(dim=0) == 0)  # all norms are zero: equal weights
    weights = activity / activity.sum(dim=0)  # (N, B, H, W)
    return reduce(torch.add, (weights.unsqueeze(2) * features).unbind())


STRATEGIES: dict[str, Callable[[Tensor], Tensor]] = {
    "addition": fuse_addition,
    "l1": fuse_l1,
    "max": fuse_max,
}
STRATEGY_RADIUS = {"addition": 0, "l1": L1_BLOCK_RADIUS, "max": 0}  # pixels
