"""Metrics on gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.luma import as_luma


class Edges(NamedTuple):
    """Strength g >= 0 and orientation alpha in (-pi/2, pi/2], both (H, W)."""

    strength: NDArray[np.float64]
    orientation: NDArray[np.float64]


def spatial_frequency(image: NDArray[Any]) -> float:
    """Return the spatial frequency SF of one image, 0 to 255 sqrt(2).

    SF = sqrt(RF^2 + CF^2), RF^2 = sum_{i, j > 1} (F(i, j) - F(i, j - 1))^2 / (H W), CF^2 likewise
    down the columns (Eskicioglu and Fisher, IEEE Trans. Communications 1995).

    Args:
        image: Luma, (H, W), in 0-255.
    """
    (luma,) = as_luma(image)
    squares = np.square(np.diff(luma, axis=1)).sum() + np.square(np.diff(luma, axis=0)).sum()
    return float(np.sqrt(squares / luma.size))


def average_gradient(image: NDArray[Any]) -> float:
    """Return the average gradient AG of one image, 0 to about 128 (borders weigh more).

    AG = sum sqrt((G_x^2 + G_y^2) / 2) / ((H - 1)(W - 1)), G half the difference of the two
    neighbours, at the border the difference to the one (Cui et al., Optics Communications 2015,
    with the divisor and the border that published scores use).

    Args:
        image: Luma, (H, W), in 0-255.

    Raises:
        ValueError: If a side is one pixel.
    """
    (luma,) = as_luma(image)
    height, width = luma.shape
    if min(height, width) < 2:
        raise ValueError(f"AG needs at least 2 x 2 pixels, found {height} x {width}")
    g_y, g_x = np.gradient(luma)
    return float(np.hypot(g_x, g_y).sum() / np.sqrt(2) / ((height - 1) * (width - 1)))


def qabf(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return Q^{AB/F}, the share of the sources' edges kept in the fused image.

    Q = sum_S sum_x g_S Q^{SF} / sum_S sum_x g_S (Xydeas and Petrovic, Electronics Letters 2000,
    with L = 1), 0 to 0.9748, which F = A = B reaches; NaN where all sources are 0 throughout.

    Args:
        sources: Luma of the source images, each (H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    *source_edges, fused_edges = map(_edges, as_luma(*sources, fused))
    weight = sum(float(edges.strength.sum()) for edges in source_edges)
    if weight == 0:
        return float("nan")
    kept = sum(
        float((edges.strength * _preservation(edges, fused_edges)).sum()) for edges in source_edges
    )
    return kept / weight


def _edges(luma: NDArray[np.float64]) -> Edges:
    """Find edges with the Sobel operator, zeros outside the image.

    g = sqrt(s_x^2 + s_y^2), alpha = atan(s_y / s_x) with the y axis upwards, pi/2 where s_x = 0:
    the paper leaves the axis and the zero open, published scores are computed so.
    """
    s_x = cv2.Sobel(luma, cv2.CV_64F, 1, 0, ksize=3, borderType=cv2.BORDER_CONSTANT)
    s_y = -cv2.Sobel(luma, cv2.CV_64F, 0, 1, ksize=3, borderType=cv2.BORDER_CONSTANT)
    slope = np.divide(s_y, s_x, out=np.full_like(s_x, np.inf), where=s_x != 0)
    return Edges(np.hypot(s_x, s_y), np.arctan(slope))


def _preservation(source: Edges, fused: Edges) -> NDArray[np.float64]:
    """Return Q^{SF} = Q_g Q_alpha per pixel, (H, W), 0 to 1.

    Q_g = 0.9994 / (1 + exp(-15 (G - 0.5))), G the smaller strength over the larger;
    Q_alpha = 0.9879 / (1 + exp(-22 (A - 0.8))), A = 1 - |alpha_S - alpha_F| / (pi / 2).
    """
    larger = np.maximum(source.strength, fused.strength)
    smaller = np.minimum(source.strength, fused.strength)
    g = np.divide(smaller, larger, out=np.ones_like(larger), where=larger > 0)
    a = 1 - np.abs(source.orientation - fused.orientation) / (np.pi / 2)
    q_g = 0.9994 / (1 + np.exp(-15 * (g - 0.5)))
    q_alpha = 0.9879 / (1 + np.exp(-22 * (a - 0.8)))
    return q_g * q_alpha
