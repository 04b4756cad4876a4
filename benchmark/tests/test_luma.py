from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from metrics import METRICS
from metrics.luma import as_luma, round_luma

IMAGES = arrays(np.uint8, st.tuples(st.just(3), st.integers(11, 16), st.integers(11, 16))).map(
    lambda images: images.repeat(4, axis=1).repeat(4, axis=2)  # MEF-SSIM needs 44 x 44
)
RANGES = {
    "en": (0, 8),
    "sd": (0, 127.5),
    "sf": (0, 255 * 2**0.5),
    "ag": (0, 255),
    "mi": (0, 16),
    "scd": (-2, 2),
    "psnr": (0, np.inf),
    "vif": (0, np.inf),
    "qabf": (0, 0.9748),
    "ssim": (-1, 1),
    "mef_ssim": (0, 1),
}


def test_columns() -> None:
    assert list(METRICS) == list(RANGES)
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
    low, high = RANGES[name]
    a, b, fused = images.astype(np.float64)
    value = METRICS[name].function([a, b], fused)
    flat = {
        "vif": [a, b],
        "scd": [a, b, fused - a, fused - b],
        "qabf": [np.append(a, [b, 0 * b])],  # both black
    }
    if any(np.ptp(image) == 0 for image in flat.get(name, [])):
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


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.compares != "nothing"])
def test_sizes_must_agree(name: str) -> None:
    image = np.zeros((44, 48))
    with pytest.raises(ValueError, match="one size"):
        METRICS[name].function([image, image], image.T)


def test_halves_are_rounded_upwards() -> None:
    values = np.array([[0.0, 0.49, 0.5, 1.5, 2.5, 254.5, 255.0]])
    np.testing.assert_array_equal(round_luma(values), [[0, 0, 1, 2, 3, 255, 255]])
