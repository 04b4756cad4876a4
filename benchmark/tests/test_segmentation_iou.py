"""IoU against a hand-worked example and torchmetrics, and the numbers of the table."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from benchmark.segmentation.iou import Scores, count_pixels, score
from benchmark.segmentation.table import markdown


def test_a_hand_worked_example() -> None:
    label = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
    predicted = np.array([[0, 1, 1], [1, 0, 5]], np.uint8)
    found = score(count_pixels(label, predicted), range(9))
    assert found.classes[:3] == pytest.approx([100 / 3, 200 / 3, 0])
    assert np.isnan(found.classes[3:]).all()  # the 5 lies where the label is left out
    assert found.mean == pytest.approx(100 / 3)
    assert found.without_background == pytest.approx(100 / 3)
    assert score(count_pixels(label, predicted), [0, 1]).without_background == pytest.approx(
        200 / 3
    )


def test_torchmetrics_agrees() -> None:
    rng = np.random.default_rng(2)
    label, predicted = rng.integers(0, 9, (2, 50, 60), dtype=np.uint8)
    label[rng.random(label.shape) < 0.1] = 255
    halves = [count_pixels(label[part], predicted[part]) for part in (slice(25), slice(25, 50))]
    found = score(halves[0] + halves[1], range(9))
    truth, guess = (torch.from_numpy(x).long() for x in (label, predicted))
    expected = multiclass_jaccard_index(
        guess, truth, num_classes=9, average="none", ignore_index=255
    )
    assert found.classes == pytest.approx(100 * expected.numpy(), rel=1e-5)


def test_no_class_at_all_has_no_mean() -> None:
    found = score(np.zeros((9, 9), np.int64), range(9))
    assert math.isnan(found.mean)
    assert math.isnan(found.without_background)


def test_the_table_has_mean_and_deviation_of_the_seeds() -> None:
    def scores(car: float) -> Scores:
        classes = np.full(9, np.nan)
        classes[:2] = 90, car
        return Scores(classes, (90 + car) / 2, car)

    results = {
        "A": {0: scores(10), 1: scores(14)},  # mean 12, deviation sqrt(8)
        "B": {0: scores(20), 1: scores(20)},
    }
    head, _, a, b = markdown(results, [0, 1])
    assert head == "| the segmenter sees | unlabeled | car | mIoU | without background |"
    assert a == "| A | 90.00 ± 0.00 | 12.00 ± 2.83 | 51.00 ± 1.41 | 12.00 ± 2.83 |"
    assert b.startswith("| B | 90.00 ± 0.00 | **20.00** ± 0.00 | **55.00** ± 0.00 |")
    *_, single = markdown({"B": {0: scores(20)}}, [1])
    assert single == "| B | 20.00 | 55.00 | 20.00 |"
