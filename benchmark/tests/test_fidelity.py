import math

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import vif, viff
from benchmark.tests.plain import patches, window

SHAPE = (43, 46)


@pytest.fixture
def images() -> list[NDArray[np.float64]]:
    """Two smooth sources and a fused image: their mean in part, flat and inverted elsewhere."""
    rng = np.random.default_rng(3)
    a, b = (np.kron(rng.uniform(20, 235, (11, 12)), np.ones((4, 4))) for _ in range(2))
    a, b = (image[: SHAPE[0], : SHAPE[1]] + rng.uniform(-20, 20, SHAPE) for image in (a, b))
    fused = (a + b) / 2
    fused[:20, :20] = 90
    fused[25:, 25:] = 255 - a[25:, 25:]
    return [a, b, fused]


Sums = list[tuple[NDArray[np.float64], ...]]  # per scale: gain, kept and total information


def plain_scales(source: NDArray[np.float64], fused: NDArray[np.float64], eye: float) -> Sums:
    """Evaluate Sheikh and Bovik's pixel-domain information window by window."""
    scales = []
    for scale, size in enumerate((17, 9, 5, 3)):
        weights = window(size, size / 5)
        if scale:
            source = (patches(source, size) * weights).sum(axis=(2, 3))[::2, ::2]
            fused = (patches(fused, size) * weights).sum(axis=(2, 3))[::2, ::2]
        pairs = zip(
            patches(source, size).reshape(-1, size, size),
            patches(fused, size).reshape(-1, size, size),
            strict=True,
        )
        found = []
        for s, f in pairs:
            ds, df = s - (weights * s).sum(), f - (weights * f).sum()
            var_s, var_f = (weights * ds**2).sum(), (weights * df**2).sum()
            gain = (weights * ds * df).sum() / var_s
            noise = var_f - gain * (weights * ds * df).sum()
            if gain < 0 or var_f < 1e-10:  # nothing of the source is left
                gain, noise = 0, var_f
            kept = math.log2(1 + gain**2 * var_s / (noise + eye))
            found.append((gain, kept, math.log2(1 + var_s / eye)))
        scales.append(tuple(np.array(values) for values in zip(*found, strict=True)))
    return scales


def plain_vif(source: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    scales = plain_scales(source, fused, 2)
    return sum(kept.sum() for _, kept, _ in scales) / sum(total.sum() for _, _, total in scales)


def test_vif_equals_the_plain_evaluation(images: list[NDArray[np.float64]]) -> None:
    a, b, fused = images
    expected = plain_vif(a, fused) + plain_vif(b, fused)
    assert vif([a, b], fused) == pytest.approx(expected, abs=1e-9)


def test_vif_of_equal_images_is_one_each(images: list[NDArray[np.float64]]) -> None:
    a = images[0]
    assert vif([a], a) == pytest.approx(1)
    assert vif([a, a], a) == pytest.approx(2)


def test_vif_of_a_result_without_the_source_is_zero(images: list[NDArray[np.float64]]) -> None:
    a = images[0]
    assert vif([a], np.full(SHAPE, 80)) == pytest.approx(0, abs=1e-9)
    assert vif([a], 255 - a) == pytest.approx(0, abs=1e-9)


def test_vif_rewards_contrast(images: list[NDArray[np.float64]]) -> None:
    a = images[0] / 4 + 90
    assert vif([a], 2 * a - 120) > 1 > vif([a], a / 2 + 60)


def test_a_flat_source_has_no_vif(images: list[NDArray[np.float64]]) -> None:
    for value in (0, 0.1, 127.3, 255):
        assert math.isnan(vif([images[0], np.full(SHAPE, value)], images[1]))


def test_vif_needs_room_for_four_scales() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (41, 60))
    assert vif([image], image) == pytest.approx(1)
    with pytest.raises(ValueError, match="VIF needs at least 41 x 41 pixels, found 40 x 60"):
        vif([image[1:]], image[1:])


def test_viff_equals_the_plain_evaluation(images: list[NDArray[np.float64]]) -> None:
    a, b, fused = images
    noise = 0.005 * 255**2
    expected = 0.0
    pairs = zip(plain_scales(a, fused, noise), plain_scales(b, fused, noise), strict=True)
    for weight, (first, second) in zip((1, 0, 0.15, 1), pairs, strict=True):
        kept = total = 0.0
        for one, other in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True):
            gain, kept_here, total_here = min(one, other, key=lambda w: (w[0], -w[2]))
            assert gain == min(one[0], other[0])
            kept, total = kept + kept_here, total + total_here
        expected += weight / 2.15 * kept / total
    assert viff([a, b], fused) == pytest.approx(expected, abs=1e-6)  # C = 1e-7 a window


def test_viff_takes_what_is_salient(images: list[NDArray[np.float64]]) -> None:
    a = images[0]
    faint = (a - a.mean()) / 50 + a.mean()
    assert viff([a, a], a) == pytest.approx(1)
    assert viff([a, faint], a) == pytest.approx(1)  # nothing of the faint one counts
    assert viff([a, faint], faint) < 0.1


def test_saturated_products_of_the_first_scale(images: list[NDArray[np.float64]]) -> None:
    """Above 16 every product is cut off at 255: nothing varies at that scale any more."""
    bright = [np.clip(image, 20, 255) for image in images]
    kept = total = 0.0
    for _, kept_here, total_here in plain_scales(bright[0], bright[2], 2)[1:]:
        kept, total = kept + kept_here.sum(), total + total_here.sum()
    assert vif([bright[0]], bright[2], saturate=True) == pytest.approx(kept / total)
    dark = [image / 20 for image in images]  # products up to 163
    assert vif(dark[:2], dark[2], saturate=True) == vif(dark[:2], dark[2])
