"""What holds for every metric, whatever the images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from benchmark.metrics import COLUMNS, CONVENTIONS, entropy

STANDARD = CONVENTIONS["standard"].functions
ALL = [(name, metric) for name in CONVENTIONS for metric in CONVENTIONS[name].functions]
Images = NDArray[np.uint8]
TRIPLES = arrays(np.uint8, st.tuples(st.just(3), st.integers(11, 13), st.integers(11, 13)))
QABF_MAXIMUM = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
RANGES = {
    "en": (0, 8),
    "sd": (0, 127.5),
    "sf": (0, 255 * 2**0.5),
    "ag": (0, 255),
    "ei": (0, 1020 * 2**0.5),
    "mi": (0, 16),
    "nmi": (0, 2),
    "ce": (-16, 16),
    "cc": (-1, 1),
    "scd": (-2, 2),
    "psnr": (0, np.inf),
    "rmse": (0, 255),
    "ssim": (-1, 1),
    "ms_ssim": (0, 1),
    "qabf": (0, QABF_MAXIMUM),
    "nabf": (0, 1),
    "vif": (0, np.inf),
    "viff": (0, np.inf),
    "fmi_pixel": (-1, 2),
    "fmi_edge": (-1, 2),
    "fmi_dct": (-1, 2),
    "fmi_wavelet": (-1, 2),
    "qcb": (0, 1),
    "qcv": (0, np.inf),
    "mef_ssim": (0, 1),
}
OF_EQUAL_IMAGES = {
    "nmi": 2,
    "ce": 0,
    "cc": 1,
    "psnr": np.inf,
    "rmse": 0,
    "ssim": 1,
    "ms_ssim": 1,
    "qabf": QABF_MAXIMUM,
    "nabf": 0,
    "vif": 2,
    "viff": 1,
    "fmi_pixel": 1,
    "fmi_edge": 1,
    "fmi_dct": 1,
    "fmi_wavelet": 1,
    "qcb": 1,
    "qcv": 0,
    "mef_ssim": 1,
}
OF_CONSTANT_IMAGES = {
    **dict.fromkeys(("en", "sd", "sf", "ag", "ei", "mi", "ce", "nabf"), 0.0),
    **dict.fromkeys(("viff", "qcb", "mef_ssim"), 1.0),
    **dict.fromkeys(("nmi", "cc", "scd", "vif"), math.nan),
}


def enlarge(images: Images, metric: str) -> Images:
    """Repeat pixels until there are as many as the metric needs."""
    factor = 16 if metric == "ms_ssim" else 4
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def score(name: str, metric: str, a: Images, b: Images, fused: Images) -> float:
    """Score gray images under a convention."""
    return CONVENTIONS[name].score([metric], [a[None], b[None]], fused[None])[0]


def test_columns() -> None:
    names = "en sd sf ag ei mi nmi ce cc scd psnr mse rmse ssim ms_ssim qabf nabf vif viff"
    assert (
        list(COLUMNS) == f"{names} fmi_pixel fmi_edge fmi_dct fmi_wavelet qcb qcv mef_ssim".split()
    )
    assert list(STANDARD) == list(RANGES) == [name for name in COLUMNS if name != "mse"]
    lower = [name for name in COLUMNS if not COLUMNS[name].higher_is_better]
    assert lower == ["ce", "mse", "rmse", "nabf", "qcv"]
    for convention in CONVENTIONS.values():
        assert set(convention.default) <= set(convention.functions) <= set(COLUMNS)


@pytest.mark.parametrize("metric", STANDARD)
@settings(max_examples=5)
@given(TRIPLES)
def test_integer_input_equals_float_input(metric: str, images: Images) -> None:
    a, b, fused = enlarge(images, metric)
    expected = STANDARD[metric]([a, b], fused)
    for kind in (np.float32, np.float64, np.int64):
        other = STANDARD[metric]([a.astype(kind), b.astype(kind)], fused.astype(kind))
        np.testing.assert_equal(other, expected)


@pytest.mark.parametrize(("name", "metric"), ALL)
@settings(max_examples=8)
@given(TRIPLES)
def test_order_of_sources_is_irrelevant(name: str, metric: str, images: Images) -> None:
    a, b, fused = enlarge(images, metric)
    expected = score(name, metric, b, a, fused)
    assert score(name, metric, a, b, fused) == pytest.approx(
        expected, abs=1e-9, rel=1e-9, nan_ok=True
    )


@pytest.mark.parametrize("metric", STANDARD)
@settings(max_examples=8)
@given(TRIPLES)
def test_range(metric: str, images: Images) -> None:
    low, high = RANGES[metric]
    a, b, fused = enlarge(images, metric).astype(np.float64)
    value = STANDARD[metric]([a, b], fused)
    if not math.isnan(value):
        assert low - 1e-9 <= value <= high + 1e-9
    else:  # only what the docstring names
        flat = {
            "nmi": [a, b],
            "cc": [a, b, fused],
            "vif": [a, b],
            "scd": [a, b, fused - a, fused - b],
            "qabf": [np.append(a, [b, 0 * b])],  # both black
            "qcv": [np.append(a, [b, 0 * b])],
        }
        assert any(np.ptp(image) == 0 for image in flat[metric])


@pytest.mark.parametrize("metric", OF_EQUAL_IMAGES)
@settings(max_examples=8)
@given(TRIPLES)
def test_both_sources_equal_to_the_fused_image(metric: str, images: Images) -> None:
    texture = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    image = enlarge(images ^ texture, metric)[0]  # never flat
    value = STANDARD[metric]([image, image], image)
    assert value == pytest.approx(OF_EQUAL_IMAGES[metric], abs=1e-6)
    if metric == "nmi":
        assert STANDARD["mi"]([image, image], image) == pytest.approx(2 * entropy(image))


@pytest.mark.parametrize("metric", STANDARD)
@settings(max_examples=8)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_constant_images(metric: str, values: tuple[int, int, int]) -> None:
    side = 161 if metric == "ms_ssim" else 44
    a, b, fused = (np.full((side, side), value) for value in values)
    value = STANDARD[metric]([a, b], fused)
    if metric in OF_CONSTANT_IMAGES:
        assert value == pytest.approx(OF_CONSTANT_IMAGES[metric], abs=1e-6, nan_ok=True)
    elif metric.startswith("fmi"):
        same = [float(source == values[2]) for source in values[:2]]
        if metric in ("fmi_pixel", "fmi_edge"):
            same = [1.0, 1.0] if metric == "fmi_edge" else same
            assert value == pytest.approx(np.mean(same), abs=1e-9)
        assert math.isfinite(value)
    elif metric in ("qabf", "qcv") and values[:2] == (0, 0):
        assert math.isnan(value)
    elif metric == "psnr":
        assert math.isfinite(value) or values[0] == values[1] == values[2]
    else:
        assert math.isfinite(value)


@pytest.mark.parametrize(("name", "metric"), [case for case in ALL if case[0] != "standard"])
@settings(max_examples=4)
@given(st.tuples(*[st.sampled_from([0, 1, 128, 255])] * 3))
def test_constant_images_of_a_benchmark(
    name: str, metric: str, values: tuple[int, int, int]
) -> None:
    a, b, fused = (np.full((44, 44), value) for value in values)
    value = score(name, metric, a, b, fused)
    infinite = len(set(values)) == 1 or (name == "cddfuse" and values[2] == 0)  # whose peak is F's
    assert math.isfinite(value) or math.isnan(value) or (metric == "psnr" and infinite)
