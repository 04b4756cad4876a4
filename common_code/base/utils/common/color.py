# From common_code/base/utils/common/color.py; edit it there, then tools/sync.py.
"""Luma and chroma: ITU-R BT.601, full range, of R, G, B in that order."""

from collections.abc import Sequence

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # of R, G and B
CB_SPAN = 2 - 2 * LUMA[2]  # B - Y is this many times Cb
CR_SPAN = 2 - 2 * LUMA[0]  # R - Y is this many times Cr


def luma(image: Tensor) -> Tensor:
    """Return Y of R, G, B images, (B, 3, H, W) to (B, 1, H, W); one channel is its own luma."""
    if image.shape[1] == 1:
        return image
    red, green, blue = image.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def chroma(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return Cb and Cr of R, G, B images in [0, 1]: each (B, 1, H, W), in [-0.5, 0.5]."""
    y = luma(image)
    return (image[:, 2:] - y) / CB_SPAN, (image[:, :1] - y) / CR_SPAN


def join_colour(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    """Return the R, G, B images of a luma and its chroma: (B, 3, H, W), not clipped."""
    red = y + CR_SPAN * cr
    blue = y + CB_SPAN * cb
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], dim=1)


def recolour(fused: Tensor, colour_sources: Sequence[Tensor]) -> Tensor:
    """Return the fused luma with the colour of its sources, (B, 3, H, W), not clipped.

    One source's chroma is kept as it is. That of several is averaged per pixel, each weighted by
    its distance from neutral (DeepFuse, Sec. 3.3: with tau = 128 of 0-255), and is neutral where
    all of them are.

    Args:
        fused: Fused luma, (B, 1, H, W).
        colour_sources: R, G, B images in [0, 1], each (B, 3, H, W), at least one.
    """
    if len(colour_sources) == 1:
        return colour_sources[0] + (fused - luma(colour_sources[0]))
    pairs = [chroma(source) for source in colour_sources]
    cb, cr = (_weighted_chroma(torch.stack(planes)) for planes in zip(*pairs, strict=True))
    return join_colour(fused, cb, cr)


def _weighted_chroma(planes: Tensor) -> Tensor:
    """Return sum |C| C / sum |C| over the first axis, 0 where all are 0."""
    weight = planes.abs()
    total = weight.sum(dim=0)
    return (weight * planes).sum(dim=0) / torch.where(total == 0, 1.0, total)
