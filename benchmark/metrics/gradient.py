"""Metrics on the gradients of the fused image."""

import math

import torch
from torch import Tensor

from benchmark.metrics.arrays import image_mean, image_sum, metric_of_fused
from benchmark.metrics.filters import sobel, strength


@metric_of_fused("SF")
def spatial_frequency(fused: Tensor) -> Tensor:
    """Return the spatial frequency SF of the fused image, 0 to 255 sqrt(2).

    SF = sqrt(RF^2 + CF^2), RF^2 = sum_{i, j > 1} (F(i, j) - F(i, j - 1))^2 / (H W), and
    CF^2 is the same along the columns (Eskicioglu and Fisher, IEEE Trans. Communications 1995).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    rows, columns = fused.diff(dim=-1).square(), fused.diff(dim=-2).square()
    return torch.sqrt((image_sum(rows) + image_sum(columns)) / fused[0].numel())


@metric_of_fused("AG", smallest=2)
def average_gradient(fused: Tensor) -> Tensor:
    """Return the average gradient AG of the fused image, 0 to about 128 (borders weigh more).

    AG = sum sqrt((G_x^2 + G_y^2) / 2) / ((H - 1)(W - 1)), G half the difference of the two
    neighbors, at the border the difference to the one (Cui et al., Optics Communications 2015,
    with the divisor and the border that published scores use).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.

    Raises:
        ValueError: If a side is one pixel.
    """
    height, width = fused.shape[-2:]
    g_y, g_x = torch.gradient(fused, dim=(-2, -1))
    return image_sum(strength(g_x, g_y)) / (math.sqrt(2) * (height - 1) * (width - 1))


@metric_of_fused("EI")
def edge_intensity(fused: Tensor) -> Tensor:
    """Return the edge intensity EI of the fused image, 0 to 1020 sqrt(2).

    EI = mean sqrt(S_x^2 + S_y^2), S the responses of the Sobel operators, weights 1, 2, 1, the
    border pixels repeated outside (Rajalingam and Priya, 2018, with VIFB's border).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    return image_mean(strength(*sobel(fused, "replicate")))
