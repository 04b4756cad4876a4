from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics import average_gradient, qabf, spatial_frequency

MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))  # G = A = 1


def test_spatial_frequency_by_hand() -> None:
    assert spatial_frequency(np.full((3, 5), 9)) == 0
    steps = np.array([[0, 3, 3], [4, 3, 0]])  # along rows 3, 0 and -1, -3; down 4, 0, -3
    assert spatial_frequency(steps) == pytest.approx(math.sqrt((9 + 1 + 9) / 6 + (16 + 9) / 6))


def test_average_gradient_by_hand() -> None:
    assert average_gradient(np.full((3, 5), 9)) == 0
    ramp = np.tile([0, 2, 4, 6], (3, 1))  # G = 2 everywhere, 12 pixels over 2 x 3
    assert average_gradient(ramp) == pytest.approx(12 * math.sqrt(2) / 6)
    spot = np.zeros((3, 3))
    spot[1, 1] = 10  # G_x = 10 and -10 in the middle row, 0 between; G_y likewise
    assert average_gradient(spot) == pytest.approx(4 * 10 / math.sqrt(2) / 4)


def test_average_gradient_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    image = triple[0].astype(np.float64)
    height, width = image.shape
    total = 0.0
    for row, column in np.ndindex(image.shape):
        top, bottom = max(row - 1, 0), min(row + 1, height - 1)
        left, right = max(column - 1, 0), min(column + 1, width - 1)
        g_y = (image[bottom, column] - image[top, column]) / (bottom - top)
        g_x = (image[row, right] - image[row, left]) / (right - left)
        total += math.sqrt((g_x**2 + g_y**2) / 2)
    expected = total / ((height - 1) * (width - 1))
    assert average_gradient(image) == pytest.approx(expected, abs=1e-12)


def test_a_single_row_has_no_average_gradient() -> None:
    with pytest.raises(ValueError, match="2 x 2 pixels, found 1 x 9"):
        average_gradient(np.zeros((1, 9)))


def plain_edge(image: NDArray[np.float64], row: int, column: int) -> tuple[float, float]:
    """Evaluate Sobel strength and orientation at one pixel, zeros outside."""
    s_x = s_y = 0.0
    for i, j in np.ndindex(3, 3):
        y, x = row + i - 1, column + j - 1
        if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
            s_x += (j - 1) * (2 - abs(i - 1)) * image[y, x]
            s_y += (1 - i) * (2 - abs(j - 1)) * image[y, x]  # upwards
    return math.hypot(s_x, s_y), math.atan(s_y / s_x) if s_x else math.pi / 2


def plain_qabf(sources: list[NDArray[np.float64]], fused: NDArray[np.float64]) -> float:
    """Evaluate Xydeas and Petrovic (2000) pixel by pixel."""
    kept = total = 0.0
    for row, column in np.ndindex(fused.shape):
        g_f, alpha_f = plain_edge(fused, row, column)
        for source in sources:
            g_s, alpha_s = plain_edge(source, row, column)
            strength = g_f / g_s if g_s > g_f else (g_s / g_f if g_f else 1)
            angle = 1 - abs(alpha_s - alpha_f) / (math.pi / 2)
            q_g = 0.9994 / (1 + math.exp(-15 * (strength - 0.5)))
            q_a = 0.9879 / (1 + math.exp(-22 * (angle - 0.8)))
            kept += g_s * q_g * q_a
            total += g_s
    return kept / total


def test_qabf_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = (image.astype(np.float64) for image in triple)
    assert qabf([a, b], fused) == pytest.approx(plain_qabf([a, b], fused), abs=1e-12)


def test_vertical_and_flat_edges_follow_the_plain_evaluation() -> None:
    steps = np.repeat([[0.0], [80.0], [80.0], [10.0]], 5, axis=1)  # s_x = 0, s_y of both signs
    fused = np.tile([0.0, 0.0, 90.0, 90.0, 90.0], (4, 1))
    for sources in ([steps, fused], [steps, steps.T[:4, :1] + steps]):
        assert qabf(sources, fused) == pytest.approx(plain_qabf(sources, fused), abs=1e-12)
        assert qabf(sources, steps) == pytest.approx(plain_qabf(sources, steps), abs=1e-12)


def test_equal_images_reach_the_maximum(triple: list[NDArray[np.uint8]]) -> None:
    a = triple[0]
    assert pytest.approx(0.97479, abs=1e-5) == MAXIMUM
    assert qabf([a, a], a) == pytest.approx(MAXIMUM)


def test_a_result_without_edges_keeps_almost_nothing(triple: list[NDArray[np.uint8]]) -> None:
    a, b, _ = triple
    assert qabf([a, b], np.zeros_like(a)) < 1e-3


def test_the_source_with_more_edges_weighs_more(triple: list[NDArray[np.uint8]]) -> None:
    strong = triple[0].astype(np.float64)
    weak = strong[::-1] / 10
    assert qabf([strong, weak], strong) > 2 * qabf([strong, weak], weak)


def test_black_sources_have_no_score() -> None:
    black = np.zeros((4, 4))
    assert math.isnan(qabf([black, black], np.ones((4, 4))))
