"""The metric registered with mmsegmentation: IoU over the whole set, and its means."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import METRICS

import mmseg_bffr  # noqa: F401 - registers what is tested
from utils.util_dataset import CLASSES


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope("mmseg")


def score(predicted: list[list[int]], labels: list[list[int]]) -> dict[str, float]:
    metric = METRICS.build({"type": "MeanIoU", "iou_metrics": ["mIoU"]})
    metric.dataset_meta = {"classes": CLASSES}
    samples = [
        {
            "pred_sem_seg": {"data": torch.tensor([found])},
            "gt_sem_seg": {"data": torch.tensor([label])},
        }
        for found, label in zip(predicted, labels, strict=True)
    ]
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_iou_sums_over_the_set_and_both_means_are_over_the_same_classes() -> None:
    # Car: 2 of the 4 pixels of the union over both images, 2 of 3 labeled ones; person: 1 of 1;
    # a bike is only predicted; background: 2 of 5, and of 4.
    found = score([[1, 1, 0, 3], [1, 2, 0, 0]], [[1, 1, 1, 0], [0, 2, 0, 0]])
    assert found["mIoU"] == 47.5  # (40 + 50 + 100 + 0) / 4
    assert found["mIoU_without_background"] == 50.0
    assert found["mAcc"] == 54.17  # (50 + 200 / 3 + 100 + 0) / 4
    assert found["mAcc_without_background"] == 55.56
    assert found["aAcc"] == 62.5


def test_mean_with_the_background_is_the_official_code_s() -> None:
    """That is mmsegmentation's own: nanmean of intersection over union, class by class."""
    generator = np.random.default_rng(0)
    predicted, labels = generator.integers(0, 6, (2, 3, 40))
    labels[labels == 5] = 255  # so that class 5 is only predicted
    known = labels != 255
    with np.errstate(invalid="ignore"):
        iou = [
            np.float64(((predicted == c) & (labels == c)).sum())
            / (((predicted == c) & known) | (labels == c)).sum()
            for c in range(9)
        ]
    found = score(predicted.tolist(), labels.tolist())
    assert found["mIoU"] == round(100 * np.nanmean(iou), 2)
    assert found["mIoU_without_background"] == round(100 * np.nanmean(iou[1:]), 2)


def test_pixels_left_out_count_nowhere() -> None:
    found = score([[1, 2]], [[1, 255]])
    assert (found["mIoU"], found["mAcc"], found["mIoU_without_background"]) == (100, 100, 100)


def test_without_foreground_there_is_no_mean_of_it() -> None:
    found = score([[0, 0]], [[0, 0]])
    assert np.isnan(found["mIoU_without_background"])
    assert found["mIoU"] == 100.0
