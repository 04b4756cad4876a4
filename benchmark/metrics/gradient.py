"""Metrics on the gradients of the fused image."""

from __future__ import annotations

import math

import torch

from metrics.arrays import Image, Score, as_batch, check_size, image_mean, image_sum
from metrics.filters import sobel, strength


def spatial_frequency(fused: Image) -> Score:
    """Return the spatial frequency SF of the fused image, 0 to 255 sqrt(2).

    SF = sqrt(RF^2 + CF^2), RF^2 = sum_{i, j > 1} (F(i, j) - F(i, j - 1))^2 / (H W), CF^2 likewise
    down the columns (Eskicioglu and Fisher, IEEE Trans. Communications 1995).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    (f,), give_back = as_batch(fused)
    rows, columns = f.diff(dim=-1).square(), f.diff(dim=-2).square()
    return give_back(torch.sqrt((image_sum(rows) + image_sum(columns)) / f[0].numel()))


def average_gradient(fused: Image) -> Score:
    """Return the average gradient AG of the fused image, 0 to about 128 (borders weigh more).

    AG = sum sqrt((G_x^2 + G_y^2) / 2) / ((H - 1)(W - 1)), G half the difference of the two
    neighbours, at the border the difference to the one (Cui et al., Optics Communications 2015,
    with the divisor and the border that published scores use).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.

    Raises:
        ValueError: If a side is one pixel.
    """
    (f,), give_back = as_batch(fused)
    check_size("AG", f, 2)
    height, width = f.shape[-2:]
    g_y, g_x = torch.gradient(f, dim=(-2, -1))
    return give_back(image_sum(strength(g_x, g_y)) / (math.sqrt(2) * (height - 1) * (width - 1)))


def edge_intensity(fused: Image) -> Score:
    """Return the edge intensity EI of the fused image, 0 to 1020 sqrt(2).

    EI = mean sqrt(S_x^2 + S_y^2), S the responses of the Sobel operators, weights 1, 2, 1, the
    border pixels repeated outside (Rajalingam and Priya, 2018, with VIFB's border).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    (f,), give_back = as_batch(fused)
    return give_back(image_mean(strength(*sobel(f, "replicate"))))
