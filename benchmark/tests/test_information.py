from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import shannon_entropy

from metrics import entropy, mutual_information


def test_entropy_by_hand() -> None:
    assert entropy(np.full((3, 5), 9)) == 0
    assert entropy(np.arange(256).reshape(16, 16)) == pytest.approx(8)
    quarter = 0.25 * math.log2(4) + 0.75 * math.log2(4 / 3)
    assert entropy(np.array([[0, 0], [0, 255]])) == pytest.approx(quarter)


def test_entropy_agrees_with_scikit_image(triple: list[NDArray[np.uint8]]) -> None:
    for image in triple:
        assert entropy(image) == pytest.approx(shannon_entropy(image), abs=1e-12)


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
