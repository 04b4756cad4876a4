"""Whether the best of a column is better than the second best by more than chance."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

Values = NDArray[np.float64]

LEVEL = 0.05
TEST = "paired Wilcoxon signed-rank test"


def paired_p(first: Values, second: Values, higher_is_better: bool) -> float:
    """Return p of the two-sided Wilcoxon signed-rank test, 1 if `second` has the better ranks.

    The mean of `first` can be better through a few images while `second` is better on most; such a
    difference in the other direction supports nothing and has p = 1. Images on which both are
    equal are left out, as by Wilcoxon. p is exact up to 50 images, and up to 13 if differences are
    equal in size; above, it is scipy's normal approximation.

    Args:
        first: Values of the method with the better mean, (images,).
        second: Values of the other one on the same images, (images,).
        higher_is_better: Direction of the metric.

    Returns:
        p in 0 to 1, or nan if a difference is not finite.
    """
    with np.errstate(invalid="ignore"):  # inf - inf
        gain = first - second if higher_is_better else second - first
    if not np.isfinite(gain).all():
        return math.nan
    gain = gain[gain != 0]
    if not len(gain):
        return 1.0
    return min(1.0, 2 * float(wilcoxon(gain, alternative="greater").pvalue))


def best_against_second(columns: Mapping[str, Values], higher_is_better: bool) -> float:
    """Return p of the method of the best mean against the one of the second best mean.

    Args:
        columns: Values of one metric by method, (images,).
        higher_is_better: Direction of the metric.

    Returns:
        p in 0 to 1; the largest if several methods share the second mean; nan if there is no test:
        several share the best mean, no second one is there, or a difference is not finite.
    """
    by_mean: dict[float, list[Values]] = {}
    for values in columns.values():
        by_mean.setdefault(float(values.mean()), []).append(values)
    means = sorted((m for m in by_mean if not math.isnan(m)), reverse=higher_is_better)
    if len(means) < 2 or len(by_mean[means[0]]) > 1:
        return math.nan
    [best] = by_mean[means[0]]
    found = [paired_p(best, second, higher_is_better) for second in by_mean[means[1]]]
    return math.nan if any(map(math.isnan, found)) else max(found)


def smallest_p(images: int) -> float:
    """Return p of the test if the same method is better on all of so many images."""
    return min(1.0, 2.0 ** (1 - images))


def fewest_images() -> int:
    """Return the smallest number of images for which p can be below the level."""
    return next(images for images in range(1, 100) if smallest_p(images) < LEVEL)


def legend(images: int, unit: str, untested: Sequence[str]) -> str:
    """Return what the marks of a table mean, or why there are none.

    Args:
        images: Number of images.
        unit: What an image is called, in the singular.
        untested: Labels of the metrics without a test.
    """
    if smallest_p(images) >= LEVEL:
        units = unit if images == 1 else f"{unit}s"
        return (
            f"Significance is not marked: with {images} {units}, p of a {TEST} is never below "
            f"{smallest_p(images):.2g}; p < {LEVEL} needs {fewest_images()} {unit}s or more."
        )
    text = (
        f"A star (*) marks a best value that differs from the second best: {TEST} over the "
        f"{images} {unit}s, two-sided, p < {LEVEL}, each metric by itself, without a correction "
        "for the number of metrics. It does not say that the difference is large."
    )
    if untested:
        text += (
            f" No test in {', '.join(untested)}: the best means are equal or a value is not finite."
        )
    return text
