from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from metrics import vif

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


def window(size: int) -> NDArray[np.float64]:
    offset = np.arange(size) - size // 2
    weights = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * (size / 5) ** 2))
    return weights / weights.sum()


def patches(image: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(image, (size, size))


def plain_vif(source: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    """Evaluate Sheikh and Bovik's pixel-domain VIF window by window."""
    kept = total = 0.0
    for scale, size in enumerate((17, 9, 5, 3)):
        weights = window(size)
        if scale:
            source = (patches(source, size) * weights).sum(axis=(2, 3))[::2, ::2]
            fused = (patches(fused, size) * weights).sum(axis=(2, 3))[::2, ::2]
        pairs = zip(
            patches(source, size).reshape(-1, size, size),
            patches(fused, size).reshape(-1, size, size),
            strict=True,
        )
        for s, f in pairs:
            ds, df = s - (weights * s).sum(), f - (weights * f).sum()
            var_s, var_f = (weights * ds**2).sum(), (weights * df**2).sum()
            gain = (weights * ds * df).sum() / var_s
            noise = var_f - gain * (weights * ds * df).sum()
            if gain < 0 or var_f < 1e-10:  # nothing of the source is left
                gain, noise = 0, var_f
            kept += math.log2(1 + gain**2 * var_s / (noise + 2))
            total += math.log2(1 + var_s / 2)
    return kept / total


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
