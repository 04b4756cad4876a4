import math

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import nabf, qabf
from benchmark.tests.plain import sobel

MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))  # G = A = 1


def plain_edge(image: NDArray[np.float64], row: int, column: int) -> tuple[float, float]:
    """Evaluate Sobel strength and orientation at one pixel, zeros outside, y upwards."""
    right, down = sobel(image, (row, column), "zeros")
    return math.hypot(right, down), math.atan(-down / right) if right else math.pi / 2


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


def test_a_part_without_edges_does_not_matter() -> None:
    flat = np.zeros((6, 6))
    step = np.zeros((6, 6))
    step[:, 3:] = 100
    assert qabf([step, flat], step) == pytest.approx(MAXIMUM)


def test_where_strengths_are_equal_matlab_code_takes_the_strength() -> None:
    """Published scores have 255 g for g_F / g_A = 1, which leaves 0.9994 / 1 of Q_g."""
    rng = np.random.default_rng(4)
    image = rng.integers(0, 256, (9, 8)).astype(np.float64)
    angle = 0.9879 / (1 + math.exp(-4.4))
    assert qabf([image, image], image, equal=255) == pytest.approx(0.9994 * angle)
    strengths = [plain_edge(image, *at)[0] for at in np.ndindex(image.shape)]
    q = [0.9994 / (1 + math.exp(-15 * (g / 255 - 0.5))) * angle for g in strengths]
    expected = np.average(q, weights=strengths)
    assert qabf([image, image], image, equal=1 / 255) == pytest.approx(expected)


def plain_nabf(sources: list[NDArray[np.float64]], fused: NDArray[np.float64]) -> float:
    """Evaluate Shreyamsha Kumar's measure pixel by pixel."""
    lost = total = 0.0
    for at in np.ndindex(fused.shape):
        edges = []
        for image in (fused, *sources):
            x, y = (response / 8 for response in sobel(image, at, "mirrored"))
            alpha = math.atan(y / x) if x else math.pi / 2 * (y != 0)
            edges.append((math.hypot(x, y), alpha))
        (g_f, alpha_f), *source_edges = edges
        added = all(g_f > g for g, _ in source_edges)
        for g, alpha in source_edges:
            weight = g**1.5 if g >= 2 else 0.001
            strength = min(g, g_f) / max(g, g_f) if g and g_f else 0
            angle = abs(abs(alpha - alpha_f) - math.pi / 2) * 2 / math.pi
            q_g = 0.9999 / (1 + math.exp(-19 * (strength - 0.5)))
            q_a = 0.9995 / (1 + math.exp(-22 * (angle - 0.5)))
            lost += added * weight * (1 - math.sqrt(q_g * q_a))
            total += weight
    return lost / total


def test_nabf_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = (image.astype(np.float64) for image in triple)
    for sources, result in (([a, b], fused), ([fused, fused], a), ([a / 64, b / 64], fused / 8)):
        expected = plain_nabf(sources, result)
        assert nabf(sources, result) == pytest.approx(expected, abs=1e-12)
        assert result is fused or expected > 0.01


def test_nabf_of_a_step_that_no_source_has() -> None:
    """Sources are flat, so that each Q = sqrt(0.9999 / (1 + e^9.5) 0.9995 / (1 + e^(-+11)))."""
    flat, step = np.full((4, 6), 50.0), np.full((4, 6), 50.0)
    step[:, 3:] = 90  # two columns of six have a gradient, to the right: alpha = 0 as where flat
    q = math.sqrt(0.9999 / (1 + math.exp(9.5)) * 0.9995 / (1 + math.exp(-11)))
    assert nabf([flat, flat], step) == pytest.approx(2 / 6 * (1 - q))
    down = np.ascontiguousarray(step.T)  # alpha = pi / 2, across
    q = math.sqrt(0.9999 / (1 + math.exp(9.5)) * 0.9995 / (1 + math.exp(11)))
    assert nabf([flat.T, flat.T], down) == pytest.approx(2 / 6 * (1 - q))
    assert nabf([step, flat], step) == 0
