"""Write the table of means as CSV: one row a method."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.report.costs import cost_of, shown
from benchmark.report.pages import Report
from benchmark.report.summary import Cell, by_method
from benchmark.score_table import nine_digits, write_lines


def write_means(report: Report, path: Path) -> None:
    """Write means, time, memory and efficiency; a method that failed has 0 images and no values.

    Quoted rows have the numbers as published, and no number of images.

    With `report.deviations`, a column `<metric>_sd` follows each metric: the standard deviation of
    a sample, empty if there is one image.
    """
    columns = [
        column
        for metric in report.metrics
        for column in ([metric, f"{metric}_sd"] if report.deviations else [metric])
    ]
    costs = shown(report.records.values())
    no_costs = [""] * len(costs)
    lines = []
    for method, values in by_method(report.rows).items():
        record = report.records[method]
        found = (cost_of(cost, record) for cost in costs)
        cells = _cells(values, report.deviations)
        cells += ["" if value is None else nine_digits(value) for value in found]
        lines.append([method, str(len(values)), *cells])
    for method, quoted in report.quoted.items():
        lines.append([method, "", *_as_published(quoted, report.deviations), *no_costs])
    empty = [""] * len(columns) + no_costs
    lines += [[method, "0", *empty] for method in report.failures]
    write_lines(path, ["method", "images", *columns, *(cost.name for cost in costs)], lines)


def _cells(values: NDArray[np.float64], with_deviations: bool) -> list[str]:
    """Return the means of one method, (images, metrics), each with its deviation if asked for."""
    means = [nine_digits(value) for value in values.mean(axis=0)]
    if not with_deviations:
        return means
    if len(values) == 1:
        deviations = [""] * len(means)
    else:
        with np.errstate(invalid="ignore"):  # it is nan if a value is infinite
            deviations = [nine_digits(value) for value in values.std(axis=0, ddof=1)]
    return [cell for pair in zip(means, deviations, strict=True) for cell in pair]


def _as_published(quoted: list[Cell], with_deviations: bool) -> list[str]:
    means = ["" if math.isnan(cell.mean) else cell.text for cell in quoted]
    if not with_deviations:
        return means
    return [
        text for mean, cell in zip(means, quoted, strict=True) for text in (mean, cell.deviation)
    ]
