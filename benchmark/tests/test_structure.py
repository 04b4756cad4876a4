import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import ms_ssim, ssim
from benchmark.tests.plain import half, patches, window

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
Array = NDArray[np.float64]


def plain_terms(x: Array, y: Array) -> tuple[float, float]:
    """Evaluate Wang et al. (2004) window by window: mean SSIM and contrast-structure term."""
    weights = window(11, 1.5)
    values = []
    for p, q in zip(
        patches(x, 11).reshape(-1, 11, 11), patches(y, 11).reshape(-1, 11, 11), strict=True
    ):
        mu_p, mu_q = (weights * p).sum(), (weights * q).sum()
        var_p, var_q = (weights * (p - mu_p) ** 2).sum(), (weights * (q - mu_q) ** 2).sum()
        covariance = (weights * (p - mu_p) * (q - mu_q)).sum()
        luminance = (2 * mu_p * mu_q + C1) / (mu_p**2 + mu_q**2 + C1)
        contrast = (2 * covariance + C2) / (var_p + var_q + C2)
        values.append((luminance * contrast, contrast))
    full, contrast = np.mean(values, axis=0)
    return float(full), float(contrast)


def plain_ms_ssim(x: Array, y: Array) -> float:
    score = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            x, y = half(x), half(y)
        score *= plain_terms(x, y)[0 if scale == 4 else 1] ** weight
    return score


def test_ssim_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = (image.astype(np.float64) for image in triple)
    expected = (plain_terms(a, fused)[0] + plain_terms(b, fused)[0]) / 2
    assert ssim([a, b], fused) == pytest.approx(expected, abs=1e-12)


def test_ssim_of_constant_images_by_hand() -> None:
    dark, light = np.full((11, 11), 50.0), np.full((11, 11), 100.0)
    expected = (1 + (2 * 50 * 100 + C1) / (50**2 + 100**2 + C1)) / 2
    assert ssim([dark, light], light) == pytest.approx(expected)


def test_ms_ssim_equals_the_plain_evaluation() -> None:
    """Sides that are odd at several scales."""
    rng = np.random.default_rng(6)
    a = np.kron(rng.uniform(0, 255, (41, 43)), np.ones((4, 4)))[:163, :171]
    fused = np.clip(0.7 * a + rng.uniform(0, 70, a.shape), 0, 255)
    expected = plain_ms_ssim(a, fused)
    assert 0.3 < expected < 0.99
    assert ms_ssim([a], fused) == pytest.approx(expected, abs=1e-10)
    assert ms_ssim([a, fused], fused) == pytest.approx((expected + 1) / 2, abs=1e-10)


def test_ms_ssim_of_constant_images_by_hand() -> None:
    dark, light = np.full((161, 161), 50.0), np.full((161, 161), 100.0)
    luminance = (2 * 50 * 100 + C1) / (50**2 + 100**2 + C1)
    assert ms_ssim([dark, dark], light) == pytest.approx(luminance**0.1333)


def test_ms_ssim_of_an_inverted_image_is_zero() -> None:
    a = np.random.default_rng(0).uniform(0, 255, (161, 161))
    assert ms_ssim([a, a], 255 - a) == 0


def test_images_smaller_than_the_window_are_refused() -> None:
    image = np.zeros((10, 160))
    with pytest.raises(ValueError, match=r"SSIM needs at least 11 x 11 pixels, found 10 x 160"):
        ssim([image, image], image)
    image = np.zeros((170, 160))
    with pytest.raises(ValueError, match=r"MS-SSIM needs at least 161 x 161 pixels, found 170 x"):
        ms_ssim([image, image], image)
