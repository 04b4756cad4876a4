"""Scores as a table: means, deviations and which are best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics import COLUMNS
from tables import Row

DIGITS = 4  # of the largest mean of a metric
DECIMALS = (1, 4)  # at least, at most


class Cell(NamedTuple):
    """One mean.

    Attributes:
        mean: Over the images.
        text: As printed.
        deviation: Of a sample, as printed; empty for one image.
        place: 1 for the best, 2 for the second best, else 0.
    """

    mean: float
    text: str
    deviation: str
    place: int


Scores = dict[str, NDArray[np.float64]]  # by method, (images, metrics)


def by_method(rows: Sequence[Row]) -> Scores:
    """Gather the scores of each method, (images, metrics)."""
    found: dict[str, list[list[float]]] = {}
    for row in rows:
        found.setdefault(row.method, []).append(row.values)
    return {method: np.array(values) for method, values in found.items()}


def arrow(metric: str) -> str:
    """Return the arrow towards the better."""
    return "↑" if COLUMNS[metric].higher_is_better else "↓"


def summarize(metrics: Sequence[str], scores: Scores) -> dict[str, list[Cell]]:
    """Return a line of cells for each method, one a metric."""
    columns = []
    for index, metric in enumerate(metrics):
        values = {method: table[:, index] for method, table in scores.items()}
        means = {method: float(column.mean()) for method, column in values.items()}
        places = rank(list(means.values()), COLUMNS[metric].higher_is_better)
        decimals = decimals_for(list(means.values()))
        columns.append(
            [
                Cell(mean, f"{mean:.{decimals}f}", deviation(values[method], decimals), place)
                for (method, mean), place in zip(means.items(), places, strict=True)
            ]
        )
    return dict(zip(scores, map(list, zip(*columns, strict=True)), strict=True))


def rank(means: Sequence[float], higher_is_better: bool) -> list[int]:
    """Return 1 for the best, 2 for the second best, 0 for others; equal means share a place.

    Of one method none is best, of two none second; nan has no place.
    """
    order = sorted({mean for mean in means if not math.isnan(mean)}, reverse=higher_is_better)
    if len(order) < 2:
        return [0] * len(means)
    places = {mean: place for place, mean in enumerate(order[: 2 if len(means) > 2 else 1], 1)}
    return [places.get(mean, 0) for mean in means]


def decimals_for(means: Sequence[float]) -> int:
    """Return how many decimals a column has."""
    largest = max((abs(mean) for mean in means if math.isfinite(mean)), default=0)
    whole = math.floor(math.log10(largest)) + 1 if largest else 0
    return min(max(DIGITS - whole, DECIMALS[0]), DECIMALS[1])


def deviation(values: NDArray[np.float64], decimals: int) -> str:
    """Return the standard deviation of a sample, as printed; empty for one image."""
    if len(values) < 2:
        return ""
    with np.errstate(invalid="ignore"):  # of infinite values it is nan
        return f"{values.std(ddof=1):.{decimals}f}"
