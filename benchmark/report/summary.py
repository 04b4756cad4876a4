"""Scores as a table of means and deviations, with the best marked."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import COLUMNS
from benchmark.report.significance import LEVEL, best_against_second, legend
from benchmark.score_table import Row

DIGITS = 4  # that the largest mean of a metric has
DECIMALS = (1, 4)  # the fewest and the most


class Cell(NamedTuple):
    """The mean of one metric and method.

    Attributes:
        mean: Mean over the images.
        text: The mean as printed.
        deviation: Standard deviation of a sample, as printed; empty if there is one image.
        place: 1 for the best, 2 for the second best, else 0.
        p: Of the best against the second best; nan for the others and without a test.
    """

    mean: float
    text: str
    deviation: str
    place: int
    p: float = math.nan

    @property
    def significant(self) -> bool:
        """Whether this is the best and p is below the level."""
        return self.p < LEVEL


Scores = dict[str, NDArray[np.float64]]  # by method, (images, metrics)


def by_method(rows: Sequence[Row]) -> Scores:
    """Gather the scores of each method, (images, metrics)."""
    found: dict[str, list[list[float]]] = {}
    for row in rows:
        found.setdefault(row.method, []).append(row.values)
    return {method: np.array(values) for method, values in found.items()}


def arrow(metric: str) -> str:
    """Return an arrow up if higher is better, else down."""
    return "↑" if COLUMNS[metric].higher_is_better else "↓"


def summarize(metrics: Sequence[str], scores: Scores) -> dict[str, list[Cell]]:
    """Return the cells of each method, one per metric."""
    columns = []
    for index, metric in enumerate(metrics):
        values = {method: table[:, index] for method, table in scores.items()}
        means = {method: float(column.mean()) for method, column in values.items()}
        places = rank(list(means.values()), COLUMNS[metric].higher_is_better)
        decimals = decimals_for(list(means.values()))
        p = best_against_second(values, COLUMNS[metric].higher_is_better)
        columns.append(
            [
                Cell(
                    mean,
                    f"{mean:.{decimals}f}",
                    deviation(values[method], decimals),
                    place,
                    p if place == 1 else math.nan,
                )
                for (method, mean), place in zip(means.items(), places, strict=True)
            ]
        )
    return dict(zip(scores, map(list, zip(*columns, strict=True)), strict=True))


def explain_marks(
    metrics: Sequence[str], cells: dict[str, list[Cell]], images: int, unit: str
) -> str:
    """Return the sentence on significance below a table; empty if there is one method.

    Args:
        metrics: Names of the metrics.
        cells: The cells of each method, one per metric.
        images: Number of images.
        unit: What an image is called, in the singular.
    """
    if len(cells) < 2:
        return ""
    columns = zip(metrics, zip(*cells.values(), strict=True), strict=True)
    untested = [COLUMNS[m].label for m, column in columns if all(math.isnan(c.p) for c in column)]
    return legend(images, unit, untested)


def rank(means: Sequence[float], higher_is_better: bool) -> list[int]:
    """Return 1 for the best, 2 for the second best, 0 for others; equal means share a place.

    A single method is not marked, and of two methods only the best is. nan has no place.
    """
    order = sorted({mean for mean in means if not math.isnan(mean)}, reverse=higher_is_better)
    if len(order) < 2:
        return [0] * len(means)
    places = {mean: place for place, mean in enumerate(order[: 2 if len(means) > 2 else 1], 1)}
    return [places.get(mean, 0) for mean in means]


def decimals_for(means: Sequence[float]) -> int:
    """Return the number of decimals of a column with these means."""
    largest = max((abs(mean) for mean in means if math.isfinite(mean)), default=0)
    whole = math.floor(math.log10(largest)) + 1 if largest else 0
    return min(max(DIGITS - whole, DECIMALS[0]), DECIMALS[1])


def deviation(values: NDArray[np.float64], decimals: int) -> str:
    """Return the standard deviation of a sample, as printed; empty if there is one image."""
    if len(values) < 2:
        return ""
    with np.errstate(invalid="ignore"):  # it is nan if a value is infinite
        return f"{values.std(ddof=1):.{decimals}f}"
