import math

import numpy as np
import pytest
import pywt
import torch
from numpy.typing import NDArray
from scipy.fft import dctn

from benchmark.metrics import fmi
from benchmark.metrics.features import FEATURES
from benchmark.tests.plain import patches, sobel

Array = NDArray[np.float64]


def plain_entropy(shares: Array) -> float:
    return -sum(x * math.log2(abs(x)) for x in shares.flat if x != 0)


def plain_information(s: Array, f: Array) -> float:
    """Evaluate one pair of windows: marginals, Frechet's bound cell by cell, entropies."""
    if (s == f).all():
        return 1
    p, q = (w.T.ravel() - w.min() if np.ptp(w) else np.ones(9) for w in (s, f))
    p, q = p / p.sum(), q / q.sum()
    c = 0.0
    if np.ptp(p) > 1e-12 and np.ptp(q) > 1e-12:
        c = np.corrcoef(p, q)[0, 1]
    up_to_p, up_to_q = np.append(0, p.cumsum()), np.append(0, q.cumsum())
    bound = np.zeros((10, 10))  # of the joint distribution function
    for i, j in np.ndindex(10, 10):
        upper = min(up_to_p[i], up_to_q[j])
        bound[i, j] = upper if c >= 0 else max(up_to_p[i] + up_to_q[j] - 1, 0)
    extreme = np.diff(np.diff(bound, axis=0), axis=1)
    number = np.arange(1, 10)
    mean_p, mean_q = (number * p).sum(), (number * q).sum()
    covariance = (np.outer(number - mean_p, number - mean_q) * extreme).sum()
    deviations = [math.sqrt((((number - m) ** 2) * w).sum()) for w, m in ((p, mean_p), (q, mean_q))]
    phi = 0.0
    if c and abs(covariance) > 1e-9:
        phi = c * deviations[0] * deviations[1] / covariance
    joint = phi * extreme + (1 - phi) * np.outer(p, q)
    total = plain_entropy(p) + plain_entropy(q)
    return 2 * (total - plain_entropy(joint)) / total if total else 0


def plain_fmi(sources: list[Array], fused: Array) -> float:
    """Average over the windows of features."""
    values = []
    for source in sources:
        pairs = zip(
            patches(source, 3).reshape(-1, 3, 3), patches(fused, 3).reshape(-1, 3, 3), strict=True
        )
        values.append(np.mean([plain_information(s, f) for s, f in pairs]))
    return float(np.mean(values))


def plain_edges(image: Array) -> Array:
    """Threshold squared Sobel responses at 4 times their mean and thin them, pixel by pixel."""
    height, width = image.shape
    responses = np.array([sobel(image, at, "repeated") for at in np.ndindex(image.shape)])
    right, down = np.abs(responses).T.reshape(2, height, width)
    squares = right**2 + down**2
    edges = np.zeros_like(squares)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            here = squares[y, x]
            across = squares[y, x - 1] <= here > squares[y, x + 1] and right[y, x] >= down[y, x]
            along = squares[y - 1, x] <= here > squares[y + 1, x] and down[y, x] >= right[y, x]
            edges[y, x] = here > 4 * squares.mean() and (across or along)
    return edges


def plain_wavelets(image: Array) -> Array:
    low, (horizontal, vertical, diagonal) = pywt.dwt2(image, "dmey", mode="symmetric")
    return np.block([[low, horizontal], [vertical, diagonal]])


PLAIN = {
    "pixel": lambda image: image,
    "edge": plain_edges,
    "dct": lambda image: dctn(image, norm="ortho"),
    "wavelet": plain_wavelets,
}


@pytest.fixture
def images() -> list[Array]:
    """Blocks and noise with flat parts, one shared with the fused image, (12, 15)."""
    rng = np.random.default_rng(2)
    a, b = (np.kron(rng.integers(0, 200, (4, 5)), np.ones((3, 3))) for _ in range(2))
    a[:, 8:] += rng.integers(0, 50, (12, 7))
    fused = np.floor((a + b) / 2)
    fused[:5, 5:] = a[:5, 5:]
    fused[6:, :4] = 200 - b[6:, :4]
    return [a, b, fused]


@pytest.mark.parametrize("feature", PLAIN)
def test_features_equal_the_plain_evaluation(feature: str, images: list[Array]) -> None:
    for image in images:
        found = FEATURES[feature](torch.from_numpy(image)[None, None])[0, 0].numpy()
        expected = PLAIN[feature](image)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert feature != "edge" or 0 < expected.sum() < expected.size / 2


@pytest.mark.parametrize("feature", PLAIN)
def test_fmi_equals_the_plain_evaluation(feature: str, images: list[Array]) -> None:
    a, b, fused = (PLAIN[feature](image) for image in images)
    expected = plain_fmi([a, b], fused)
    assert fmi(images[:2], images[2], feature) == pytest.approx(expected, abs=1e-9)


def test_one_window_by_hand() -> None:
    """Shares 1/2 and 1/2 at different places: U is diagonal, c = -2/7, phi from -1.

    Less their mean 1/9, shares are 7/18 twice and -1/9 seven times: variance 7/18, product
    4 x (-7/162) + 5/81 = -1/9, so that c = -2/7. The smallest covariance puts the larger number of
    one beside the smaller of the other: with places 1, 2 and 8, 9 each deviates by 1/2, covariance
    -1/4, correlation -1, phi = 2/7. The four cells then have 1/4 -+ phi / 4.
    """
    source, fused = np.zeros((3, 3)), np.zeros((3, 3))
    source[:2, 0] = 90  # the first and second value down the columns
    fused[1:, 2] = 30  # the eighth and ninth
    joint = np.array([5 / 28, 9 / 28])
    expected = 2 - 2 * -(joint * np.log2(joint)).sum()  # H = 1 each, and 2 I / 2 = I
    assert fmi([source, source], fused) == pytest.approx(expected, abs=1e-12)
    assert fmi([source, fused], fused) == pytest.approx((expected + 1) / 2, abs=1e-12)


def test_windows_without_entropy_have_nothing_in_common() -> None:
    spots = np.zeros((2, 3, 3))
    spots[0, 0, 0], spots[1, 1, 2] = 9, 40
    assert fmi([spots[0], spots[0]], spots[1]) == 0
    assert fmi([spots[0] * 2, spots[0] * 3], spots[0]) == 0
    flat = np.full((3, 3), 7.0)
    assert fmi([flat, flat], flat + 1) == pytest.approx(0, abs=1e-12)


def test_values_are_rounded_to_8_bits(images: list[Array]) -> None:
    a, b, fused = images
    for feature in PLAIN:
        expected = fmi([a, b], fused, feature)
        assert fmi([a + 0.2, b], fused + 0.3, feature) == pytest.approx(expected, abs=1e-12)


def test_small_images_are_refused() -> None:
    image = np.zeros((2, 9))
    with pytest.raises(ValueError, match="FMI needs at least 3 x 3 pixels, found 2 x 9"):
        fmi([image, image], image)
