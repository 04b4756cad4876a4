"""Intersection over union of label maps."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.segmentation import CLASSES, LEFT_OUT

Counts = NDArray[np.int64]  # pixels, (classes, classes): rows are labels, columns predictions


class Scores(NamedTuple):
    """IoU in percent.

    Attributes:
        classes: One for each class, nan if neither a label nor a prediction has it.
        mean: Mean over the classes that are averaged, the background (class 0) among them.
        without_background: The same without class 0; nan if there is no other class.
    """

    classes: NDArray[np.float64]
    mean: float
    without_background: float

    @property
    def row(self) -> list[float]:
        """Return the values of a row of the table: classes, then both means."""
        return [*self.classes.tolist(), self.mean, self.without_background]


def count_pixels(label: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> Counts:
    """Return how many pixels of each class were predicted as which, without those left out.

    Args:
        label: True ids, (H, W).
        predicted: Predicted ids, same shape.
    """
    kept = label != LEFT_OUT
    size = len(CLASSES)
    joined = size * label[kept].astype(np.int64) + predicted[kept]
    return np.bincount(joined, minlength=size**2).reshape(size, size)


def score(counts: Counts, averaged: Sequence[int]) -> Scores:
    """Return the IoU of each class over a whole set, and their means.

    Args:
        counts: The sum of `count_pixels` over the set.
        averaged: Ids of the classes to average. A class that neither a label nor a prediction has
            is left out of the means.
    """
    intersection = counts.diagonal().astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - intersection
    iou = np.full(len(counts), np.nan)
    np.divide(100 * intersection, union, out=iou, where=union > 0)
    found = [c for c in averaged if union[c] > 0]
    return Scores(iou, _mean(iou[found]), _mean(iou[[c for c in found if c > 0]]))


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
