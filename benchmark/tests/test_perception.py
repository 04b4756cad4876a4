import math

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import qcb, qcv
from benchmark.tests.plain import sobel

Array = NDArray[np.float64]


def filtered(image: Array, degrees: float, chen_blum: bool) -> Array:
    """Weight every frequency of the discrete Fourier transform, one at a time."""
    height, width = image.shape
    spectrum = np.fft.fft2(image)
    for i, j in np.ndindex(image.shape):
        down, across = min(i, height - i), min(j, width - j)  # cycles an image
        r = math.hypot(down, across) / degrees
        if chen_blum:
            weight = math.exp(-((r / 15.387) ** 2)) - 0.7622 * math.exp(-((r / 1.3456) ** 2))
        else:
            weight = 2.6 * (0.0192 + 0.144 * r) * math.exp(-((0.144 * r) ** 1.1))
        spectrum[i, j] *= weight
    return np.fft.ifft2(spectrum).real


def contrast(image: Array) -> Array:
    """Evaluate Chen and Blum's masked contrast pixel by pixel."""
    padded = np.pad(filtered(image, 15, True), 15)
    offset = np.arange(-15, 16)
    squares = offset[:, None] ** 2 + offset**2
    fine, coarse = (np.exp(-squares / (2 * s**2)) / (2 * math.pi * s**2) for s in (2, 4))
    masked = np.zeros(image.shape)
    for i, j in np.ndindex(image.shape):
        patch = padded[i : i + 31, j : j + 31]
        c = abs((fine * patch).sum() / (coarse * patch).sum() - 1)
        masked[i, j] = c**3 / (c**2 + 0.0001)
    return masked


def plain_qcb(a: Array, b: Array, fused: Array) -> float:
    values = []
    for x, y, f in zip(*(contrast(image).flat for image in (a, b, fused)), strict=True):
        kept = [min(s, f) / max(s, f) for s in (x, y)]
        values.append(np.average(kept, weights=[x**2, y**2]))
    return float(np.mean(values))


def plain_qcv(sources: list[Array], fused: Array) -> float:
    height, width = fused.shape
    top = bottom = 0.0
    for source in sources:
        strengths = np.array(
            [math.hypot(*sobel(source, at, "zeros")) for at in np.ndindex(fused.shape)]
        )
        strengths = strengths.reshape(fused.shape)
        difference = filtered(source - fused, 4, False)
        for y in range(0, height, 16):
            for x in range(0, width, 16):
                block = slice(y, y + 16), slice(x, x + 16)
                saliency = (strengths[block] ** 5).sum()
                top += saliency * (difference[block] ** 2).sum() / 256  # what is missing is 0
                bottom += saliency
    return top / bottom


@pytest.mark.parametrize("shape", [(17, 14), (16, 21), (19, 33)])
def test_equal_to_the_plain_evaluation(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[1])
    a, b = rng.integers(0, 256, (2, *shape)).astype(np.float64)
    fused = np.floor(0.6 * a + 0.4 * b)
    assert qcb([a, b], fused) == pytest.approx(plain_qcb(a, b, fused), abs=1e-9)
    assert qcv([a, b], fused) == pytest.approx(plain_qcv([a, b], fused), rel=1e-9)


def test_qcv_of_a_change_of_brightness_by_hand() -> None:
    """Only r = 0 differs, which the filter leaves 2.6 x 0.0192 of."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 200, (2, 32, 16)).astype(np.float64)
    assert qcv([a, a], a + 20) == pytest.approx((20 * 2.6 * 0.0192) ** 2)
    flat = np.zeros((32, 16))  # without edges it does not count
    assert qcv([a, flat], a + 20) == pytest.approx((20 * 2.6 * 0.0192) ** 2)
    assert qcv([a, b], a) > qcv([a, a], a) == 0


def test_qcb_does_not_see_a_gain() -> None:
    a, b = np.random.default_rng(3).integers(1, 100, (2, 20, 20)).astype(np.float64)
    assert qcb([a, a], 2 * a) == pytest.approx(1)
    assert qcb([a, b], 2 * a) == pytest.approx(qcb([a, b], a))


def test_black_images() -> None:
    black = np.zeros((20, 20))
    assert math.isnan(qcv([black, black], black + 9))
    assert qcb([black, black], black) == 1
    noise = np.random.default_rng(3).integers(1, 100, (20, 20))
    assert 0 <= qcb([black, black], noise) < 0.1
