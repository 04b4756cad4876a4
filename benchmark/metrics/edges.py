"""Metrics that compare edges, found with the Sobel operator."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.metrics.arrays import image_sum, metric_of_sources
from benchmark.metrics.filters import sobel, strength

ROUNDING = 5e-4  # responses below this are 0: those to 8-bit color are multiples of 0.001


class Edges(NamedTuple):
    """Strength g >= 0 and orientation alpha in (-pi/2, pi/2], both (B, 1, H, W)."""

    strength: Tensor
    orientation: Tensor


@metric_of_sources("Qabf")
def qabf(sources: Sequence[Tensor], fused: Tensor, equal: float | None = None) -> Tensor:
    """Return Q^{AB/F}, the share of the sources' edges kept in the fused image.

    Q = sum_S sum_x g_S Q^{SF} / sum_S sum_x g_S (Xydeas and Petrovic, Electronics Letters 2000,
    with L = 1), 0 to 0.9748, which F = A = B reaches; NaN where all sources are 0 throughout.
    Q^{SF} = Q_g Q_alpha, Q_g = 0.9994 / (1 + exp(-15 (G - 0.5))), G the smaller strength over the
    larger; Q_alpha = 0.9879 / (1 + exp(-22 (A - 0.8))), A = 1 - |alpha_S - alpha_F| / (pi / 2).

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
        equal: What replaces G, as a multiple of the strength, where both strengths are equal.
            None leaves G = 1, as defined; MATLAB code has the strength itself, in units of the
            images' range.
    """
    return kept_share([_edges(luma) for luma in sources], _edges(fused), equal)


def kept_share(sources: Sequence[Edges], fused: Edges, equal: float | None) -> Tensor:
    """Return Q^{AB/F} from edges, (B,); `equal` is that of `qabf`."""
    weight = torch.stack([image_sum(source.strength) for source in sources]).sum(dim=0)
    kept = [image_sum(source.strength * _preservation(source, fused, equal)) for source in sources]
    return torch.stack(kept).sum(dim=0) / weight


def _edges(luma: Tensor) -> Edges:
    """Find edges with the Sobel operator, zeros outside the image.

    g = sqrt(s_x^2 + s_y^2), alpha = atan(s_y / s_x) with the y axis upwards, pi/2 where s_x = 0:
    the paper leaves the axis and the zero open, published scores are computed so.
    """
    s_x, down = (torch.where(s.abs() < ROUNDING, 0, s) for s in sobel(luma, "constant"))
    return Edges(strength(s_x, down), orientation(s_x, down))


def orientation(right: Tensor, down: Tensor) -> Tensor:
    """Return the orientation for Q^{AB/F} of Sobel responses to the right and down."""
    return torch.where(right == 0, math.pi / 2, torch.atan(-down / right))


def _preservation(source: Edges, fused: Edges, equal: float | None) -> Tensor:
    """Return Q^{SF} per pixel, (B, 1, H, W), 0 to 1."""
    larger = torch.maximum(source.strength, fused.strength)
    smaller = torch.minimum(source.strength, fused.strength)
    g = torch.where(larger > 0, smaller / larger, 1)
    if equal is not None:
        g = torch.where(smaller == larger, equal * larger, g)
    a = 1 - (source.orientation - fused.orientation).abs() / (math.pi / 2)
    return 0.9994 * torch.sigmoid(15 * (g - 0.5)) * 0.9879 * torch.sigmoid(22 * (a - 0.8))


@metric_of_sources("Nabf", smallest=2, pair=True)
def nabf(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return N^{AB/F}, the share of edges that the fused image has and no source, less is better.

    N = sum_x n (w_A (1 - Q^{AF}) + w_B (1 - Q^{BF})) / sum_x (w_A + w_B), n = 1 where g_F > g_A and
    g_F > g_B, else 0 (Shreyamsha Kumar, SIViP 2013, after Petrovic and Xydeas). Strengths g are
    Sobel responses over 8, the image reflected at its border; w = g^1.5 from g = 2 on, else 0.001;
    Q = sqrt(Q_g Q_alpha), Q_g = 0.9999 / (1 + exp(-19 (G - 0.5))), G as in Q^{AB/F}, but 0 where
    an image is flat; Q_alpha = 0.9995 / (1 + exp(-22 (A - 0.5))), A = |1 - |alpha_S - alpha_F| /
    (pi / 2)|. 0 for constant images and for A = B = F, 1 at most.

    Args:
        sources: Luma of the two source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If there are not two sources, or a side is one pixel.
    """
    fused_edges = _reflected_edges(fused)
    source_edges = [_reflected_edges(luma) for luma in sources]
    added = torch.stack([fused_edges.strength > s.strength for s in source_edges]).all(dim=0)
    lost = weight = torch.zeros_like(fused)
    for edges in source_edges:
        w = torch.where(edges.strength >= 2, edges.strength**1.5, 0.001)
        weight = weight + w
        lost = lost + w * (1 - _likeness(edges, fused_edges))
    return image_sum(added * lost) / image_sum(weight)


def _reflected_edges(luma: Tensor) -> Edges:
    """Find edges for N^{AB/F}: an eighth of the Sobel responses, orientation 0 where flat."""
    s_x, down = (torch.where(s.abs() < ROUNDING, 0, s) / 8 for s in sobel(luma, "reflect"))
    g = strength(s_x, down)
    return Edges(g, torch.where(g > 0, torch.atan(down / s_x), 0))


def _likeness(source: Edges, fused: Edges) -> Tensor:
    """Return Q^{SF} of N^{AB/F} per pixel, (B, 1, H, W), 0 to 1."""
    larger = torch.maximum(source.strength, fused.strength)
    g = torch.where(larger > 0, torch.minimum(source.strength, fused.strength) / larger, 0)
    a = (1 - 2 * (source.orientation - fused.orientation).abs() / math.pi).abs()
    q_g = 0.9999 * torch.sigmoid(19 * (g - 0.5))
    q_alpha = 0.9995 * torch.sigmoid(22 * (a - 0.5))
    return torch.sqrt(q_g * q_alpha)
