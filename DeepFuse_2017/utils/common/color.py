# From common_code/base/utils/common/color.py; edit it there, then tools/sync.py.
"""Luma and chroma: ITU-R BT.601, full range, of R, G, B in that order."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from utils.common.values import Array

LUMA = (0.299, 0.587, 0.114)  # of R, G and B
CB_SPAN = 2 - 2 * LUMA[2]  # B - Y is this many times Cb
CR_SPAN = 2 - 2 * LUMA[0]  # R - Y is this many times Cr


def luma(image: Tensor) -> Tensor:
    """Return Y of R, G, B images, (B, 3, H, W) to (B, 1, H, W); (B, 1, H, W) stays as it is."""
    if image.shape[1] == 1:
        return image
    red, green, blue = image.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def luma_of_array(pixels: Array) -> Array:
    """Return Y of R, G, B values, (H, W, 3) to (H, W), in their type; (H, W) stays as it is.

    Whole numbers are rounded to the nearest.
    """
    if pixels.ndim == 2:
        return pixels
    if pixels.dtype.kind == "f":
        return pixels @ np.array(LUMA, pixels.dtype)
    return np.rint(pixels @ np.array(LUMA)).astype(pixels.dtype)


def rgb_to_ycbcr(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return luma and chroma of R, G, B images, (B, 3, H, W), in [0, 1].

    Returns:
        Y in [0, 1], Cb and Cr in [-0.5, 0.5], each (B, 1, H, W).
    """
    y = luma(image)
    return y, (image[:, 2:] - y) / CB_SPAN, (image[:, :1] - y) / CR_SPAN


def ycbcr_to_rgb(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    """Return R, G, B images, (B, 3, H, W), of planes of (B, 1, H, W); they are not clipped."""
    red = y + CR_SPAN * cr
    blue = y + CB_SPAN * cb
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], dim=1)


def recolor(fused: Tensor, color_sources: Sequence[Tensor]) -> Tensor:
    """Return the fused luma with the color of its sources, (B, 3, H, W), not clipped.

    The chroma of a single source is kept as it is. The chroma of several sources is averaged per
    pixel, each weighted by its distance from neutral (DeepFuse, Sec. 3.3: with tau = 128 of
    0-255). Where all sources are neutral, so is the result.

    Args:
        fused: Fused luma, (B, 1, H, W).
        color_sources: R, G, B images in [0, 1], each (B, 3, H, W), at least one.
    """
    if len(color_sources) == 1:
        return color_sources[0] + (fused - luma(color_sources[0]))
    _, *planes = zip(*(rgb_to_ycbcr(source) for source in color_sources), strict=True)
    cb, cr = (_weighted_chroma(torch.stack(each)) for each in planes)
    return ycbcr_to_rgb(fused, cb, cr)


def _weighted_chroma(planes: Tensor) -> Tensor:
    """Return sum |C| C / sum |C| over the first axis, 0 where all are 0."""
    weight = planes.abs()
    total = weight.sum(dim=0)
    return (weight * planes).sum(dim=0) / torch.where(total == 0, 1.0, total)
