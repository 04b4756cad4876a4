from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from metrics import psnr


def test_psnr_by_hand() -> None:
    sources = [np.full((3, 4), 100.0), np.full((3, 4), 130.0)]
    fused = np.full((3, 4), 110.0)  # errors of 10 and 20
    assert psnr(sources, fused) == pytest.approx(10 * np.log10(255**2 / 250))


def test_psnr_against_one_image_agrees_with_scikit_image(triple: list[NDArray[np.uint8]]) -> None:
    image, _, fused = triple
    expected = peak_signal_noise_ratio(image, fused)
    assert psnr([image, image], fused) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_equal_images_is_infinite(triple: list[NDArray[np.uint8]]) -> None:
    image = triple[0]
    assert psnr([image, image], image) == np.inf


def test_psnr_is_symmetric_in_the_sources(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = triple
    assert psnr([a, b], fused) == psnr([b, a], fused)
