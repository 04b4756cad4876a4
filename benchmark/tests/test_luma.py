from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from metrics import METRICS
from metrics.luma import as_luma

IMAGES = arrays(np.uint8, st.tuples(st.just(3), st.integers(11, 16), st.integers(11, 16)))


def test_columns() -> None:
    assert list(METRICS) == ["en", "mi", "ssim", "qabf"]
    assert all(metric.higher_is_better for metric in METRICS.values())


@pytest.mark.parametrize("name", METRICS)
@given(IMAGES)
def test_integer_input_equals_float_input(name: str, images: NDArray[np.uint8]) -> None:
    a, b, fused = images
    score = METRICS[name].function
    for kind in (np.float32, np.float64, np.int64):
        other = score([a.astype(kind), b.astype(kind)], fused.astype(kind))
        np.testing.assert_equal(score([a, b], fused), other)


@pytest.mark.parametrize("name", METRICS)
@given(IMAGES)
def test_order_of_sources_is_irrelevant(name: str, images: NDArray[np.uint8]) -> None:
    a, b, fused = images
    score = METRICS[name].function
    assert score([a, b], fused) == pytest.approx(score([b, a], fused), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
@given(IMAGES)
def test_range(name: str, images: NDArray[np.uint8]) -> None:
    low, high = {"en": (0, 8), "mi": (0, 16), "ssim": (-1, 1), "qabf": (0, 0.9748)}[name]
    a, b, fused = images
    value = METRICS[name].function([a, b], fused)
    if not (a.any() or b.any()) and name == "qabf":
        assert np.isnan(value)
    else:
        assert low - 1e-9 <= value <= high + 1e-9


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((4, 6)), np.zeros((6, 4))], r"\(4, 6\), \(6, 4\)"),
        ([np.zeros((4, 6, 3))], r"\(4, 6, 3\)"),
        ([np.zeros((0, 6))], r"\(0, 6\)"),
        ([np.full((2, 2), 256)], "256"),
        ([np.full((2, 2), -0.1)], "-0.1"),
        ([np.array([[0.0, np.nan]])], "nan"),
    ],
)
def test_what_is_no_luma_is_refused(images: list[NDArray[np.float64]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_luma(*images)


@pytest.mark.parametrize("name", ["mi", "ssim", "qabf"])
def test_sizes_must_agree(name: str) -> None:
    image = np.zeros((12, 16))
    with pytest.raises(ValueError, match="one size"):
        METRICS[name].function([image, image], image.T)
