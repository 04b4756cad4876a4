import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import psnr, rmse


def test_psnr_and_rmse_by_hand() -> None:
    sources = [np.full((3, 4), 100.0), np.full((3, 4), 130.0)]
    fused = np.full((3, 4), 110.0)  # errors of 10 and 20
    assert psnr(sources, fused) == pytest.approx(10 * np.log10(255**2 / 250))
    assert rmse(sources, fused) == pytest.approx(15)
    assert rmse([np.array([[0.0, 0, 0, 8]])], np.zeros((1, 4))) == pytest.approx(4)


def test_psnr_of_equal_images_is_infinite(triple: list[NDArray[np.uint8]]) -> None:
    image = triple[0]
    assert psnr([image, image], image) == np.inf
    assert rmse([image, image], image) == 0
