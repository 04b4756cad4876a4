from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from metrics import ssim


def plain_ssim(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Evaluate Wang et al. (2004) window by window."""
    offset = np.arange(11) - 5
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            patch = slice(row, row + 11), slice(column, column + 11)
            mu_x, mu_y = (window * x[patch]).sum(), (window * y[patch]).sum()
            dx, dy = x[patch] - mu_x, y[patch] - mu_y
            var_x, var_y = (window * dx**2).sum(), (window * dy**2).sum()
            covariance = (window * dx * dy).sum()
            luminance = (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1)
            values.append(luminance * (2 * covariance + c2) / (var_x + var_y + c2))
    return float(np.mean(values))


def test_ssim_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = (image.astype(np.float64) for image in triple)
    expected = (plain_ssim(a, fused) + plain_ssim(b, fused)) / 2
    assert ssim([a, b], fused) == pytest.approx(expected, abs=1e-12)


def test_ssim_agrees_with_scikit_image(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = triple
    expected = [
        structural_similarity(  # uint8, so scikit-image finds the data range itself
            source, fused, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for source in (a, b)
    ]
    assert ssim([a, b], fused) == pytest.approx(np.mean(expected), abs=1e-12)


def test_ssim_of_constant_images_by_hand() -> None:
    dark, light = np.full((11, 11), 50.0), np.full((11, 11), 100.0)
    c1 = 2.55**2
    expected = (1 + (2 * 50 * 100 + c1) / (50**2 + 100**2 + c1)) / 2
    assert ssim([dark, light], light) == pytest.approx(expected)


def test_ssim_of_equal_images_is_one(triple: list[NDArray[np.uint8]]) -> None:
    a = triple[0]
    assert ssim([a, a], a) == pytest.approx(1)


def test_images_smaller_than_the_window_are_refused() -> None:
    image = np.zeros((10, 30))
    with pytest.raises(ValueError, match=r"11 x 11 pixels, found 10 x 30"):
        ssim([image, image], image)
