import math

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import average_gradient, edge_intensity, spatial_frequency
from benchmark.tests.plain import sobel


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


def test_edge_intensity_by_hand() -> None:
    assert edge_intensity(np.full((3, 5), 9)) == 0
    ramp = np.tile([0, 2, 4, 6], (3, 1))  # responses 8, 16, 16, 8 along the rows, 0 down
    assert edge_intensity(ramp) == pytest.approx(12)
    corner = np.array([[10.0, 0.0], [0.0, 0.0]])  # repeated outside
    strengths = (math.hypot(30, 30), math.hypot(30, 10), math.hypot(10, 30), math.hypot(10, 10))
    assert edge_intensity(corner) == pytest.approx(np.mean(strengths))


def test_edge_intensity_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    image = triple[0].astype(np.float64)
    values = [math.hypot(*sobel(image, at, "repeated")) for at in np.ndindex(image.shape)]
    assert edge_intensity(image) == pytest.approx(np.mean(values), abs=1e-9)
