import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import shannon_entropy

from benchmark.metrics import (
    cross_entropy,
    entropy,
    mutual_information,
    normalized_mutual_information,
)


def test_entropy_by_hand() -> None:
    assert entropy(np.full((3, 5), 9)) == 0
    assert entropy(np.arange(256).reshape(16, 16)) == pytest.approx(8)
    quarter = 0.25 * math.log2(4) + 0.75 * math.log2(4 / 3)
    assert entropy(np.array([[0, 0], [0, 255]])) == pytest.approx(quarter)


def test_halves_are_binned_upwards() -> None:
    assert entropy(np.array([[0.5, 1.0, 1.49, 2.5, 3.0, 254.5, 255.0, 254.51]])) == pytest.approx(
        shannon_entropy(np.array([[1, 1, 1, 3, 3, 255, 255, 255]]))
    )


def test_mutual_information_by_hand() -> None:
    fused = np.array([[0, 0, 255, 255]])
    equal, independent = fused, np.array([[0, 255, 0, 255]])
    assert mutual_information([equal, equal], fused) == pytest.approx(2)
    assert mutual_information([equal, independent], fused) == pytest.approx(1)
    partly = np.array([[0, 0, 0, 255]])  # H = 0.8113, H(fused) = 1, joint 1.5
    shared = 0.25 * math.log2(4) + 0.75 * math.log2(4 / 3) + 1 - 1.5
    assert mutual_information([partly, independent], fused) == pytest.approx(shared)


def test_every_pair_of_values_has_its_own_bin() -> None:
    source, fused = np.mgrid[:256, :256]  # each pair once: independent
    assert mutual_information([source], fused) == pytest.approx(0, abs=1e-9)


def test_mutual_information_equals_the_plain_evaluation(triple: list[NDArray[np.uint8]]) -> None:
    *sources, fused = triple
    expected = 0.0
    for source in sources:
        joint = np.zeros((256, 256))
        for pair in zip(source.flat, fused.flat, strict=True):
            joint[pair] += 1 / fused.size
        product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        seen = joint > 0
        expected += float((joint[seen] * np.log2(joint[seen] / product[seen])).sum())
    assert mutual_information(sources, fused) == pytest.approx(expected)


def test_mutual_information_of_equal_images(triple: list[NDArray[np.uint8]]) -> None:
    for image in triple:
        expected = 2 * entropy(image)
        assert mutual_information([image, image], image) == pytest.approx(expected)


def test_normalized_mutual_information_by_hand() -> None:
    fused = np.array([[0, 0, 255, 255]])
    independent = np.array([[0, 255, 0, 255]])
    assert normalized_mutual_information([fused, fused], fused) == pytest.approx(2)
    assert normalized_mutual_information([fused, independent], fused) == pytest.approx(1)
    partly = np.array([[0, 0, 0, 255]])
    h = 0.25 * math.log2(4) + 0.75 * math.log2(4 / 3)
    expected = 2 * (h + 1 - 1.5) / (h + 1)
    assert normalized_mutual_information([partly, independent], fused) == pytest.approx(expected)
    flat = np.zeros((2, 2))
    assert math.isnan(normalized_mutual_information([flat, flat], flat + 3))


def test_cross_entropy_by_hand() -> None:
    fused = np.array([[0, 0, 255, 255]])
    source = np.array([[0, 0, 0, 255]])  # shares 3/4 and 1/4 against 1/2 and 1/2
    divergence = 0.75 * math.log2(1.5) + 0.25 * math.log2(0.5)
    assert cross_entropy([source, fused], fused) == pytest.approx(divergence / 2)
    assert cross_entropy([source, source], fused) == pytest.approx(divergence)
    backwards = 0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)
    assert cross_entropy([fused, fused], source) == pytest.approx(backwards)


def test_cross_entropy_skips_what_one_image_lacks() -> None:
    a, b = np.array([[0, 0, 7, 9]]), np.array([[0, 8, 8, 8]])
    assert cross_entropy([a, a], b) == pytest.approx(0.5 * math.log2(0.5 / 0.25))
    assert cross_entropy([a, a], np.full((1, 4), 100)) == 0
