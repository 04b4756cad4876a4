import math
import statistics

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import correlation, scd, standard_deviation


def test_standard_deviation_by_hand() -> None:
    assert standard_deviation(np.full((3, 5), 9)) == 0
    assert standard_deviation(np.array([[0, 255], [255, 0]])) == 127.5
    assert standard_deviation(np.array([[1, 2, 3, 4]])) == pytest.approx(math.sqrt(1.25))


def test_standard_deviation_is_of_all_pixels(triple: list[NDArray[np.uint8]]) -> None:
    expected = statistics.pstdev(map(int, triple[0].flat))
    assert standard_deviation(triple[0]) == pytest.approx(expected, abs=1e-12)


def test_correlation_by_hand() -> None:
    a, b = np.array([[0, 4, 0, 4]]), np.array([[0, 0, 6, 6]])
    assert correlation([a, b], a) == pytest.approx(0.5)  # r = 1 and 0
    assert correlation([a, 10 - a], a) == pytest.approx(0)
    fused = np.array([[0, 1, 1, 2]])  # less its mean (-1, 0, 0, 1): r = 4 / sqrt(2 x 16) each
    assert correlation([a, b], fused) == pytest.approx(1 / math.sqrt(2))
    assert math.isnan(correlation([a, b * 0], a))


def test_correlation_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = ([float(value) for value in image.flat] for image in triple)
    expected = (statistics.correlation(a, fused) + statistics.correlation(b, fused)) / 2
    assert correlation(triple[:2], triple[2]) == pytest.approx(expected, abs=1e-12)


def test_scd_by_hand() -> None:
    a, b = np.array([[0, 4, 0, 4]]), np.array([[0, 0, 6, 6]])
    assert scd([a, b], a + b) == pytest.approx(2)  # each difference is the other source
    # less their means, F - B is (5, 1, -1, -5) and A (-2, 2, -2, 2); F - A is orthogonal to B
    assert scd([a, b], np.array([[4, 0, 4, 0]])) == pytest.approx(-16 / math.sqrt(52 * 16))


def test_scd_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = ([float(value) for value in image.flat] for image in triple)
    without_b = [f - y for f, y in zip(fused, b, strict=True)]
    without_a = [f - x for f, x in zip(fused, a, strict=True)]
    expected = statistics.correlation(without_b, a) + statistics.correlation(without_a, b)
    assert scd(triple[:2], triple[2]) == pytest.approx(expected, abs=1e-12)


def test_scd_of_a_copied_source_is_undefined(triple: list[NDArray[np.uint8]]) -> None:
    a, b, _ = triple
    assert math.isnan(scd([a, b], b))
    assert math.isnan(scd([a, np.full_like(a, 7)], b))


def test_scd_takes_two_sources(triple: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(ValueError, match="2 sources, found 3"):
        scd(triple, triple[0])
