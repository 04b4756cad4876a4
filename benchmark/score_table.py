"""Write scores as CSV and print their means."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.metrics import COLUMNS

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet may run a cell that begins so


class Row(NamedTuple):
    """The scores of one method on one image, one for each metric asked for."""

    method: str
    image: str
    values: list[float]


def write_csv(path: Path, metrics: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the scores. Values have nine digits. See `as_text` for the names."""
    lines = ([row.method, row.image, *map(nine_digits, row.values)] for row in rows)
    write_lines(path, ["method", "image", *metrics], lines)


def write_lines(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Write a table under a temporary name, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(map(as_text, line) for line in lines)
    temporary.replace(path)


def nine_digits(value: float) -> str:
    """Return a value as the tables have it."""
    return f"{value:.9g}"


def as_text(cell: str) -> str:
    """Return the text of a cell, with a `'` in front if a spreadsheet would run it as a formula."""
    try:
        float(cell)
    except ValueError:
        return f"'{cell}" if cell.startswith(FORMULA) else cell
    return cell


def format_means(metrics: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table of mean +- standard deviation, one line per metric, one column per method.

    The deviation is that of a sample (divided by one less than the number of images). It is left
    out if there is one image. An arrow up means that higher is better.
    """
    by_method: dict[str, list[list[float]]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row.values)
    labels = [
        f"{COLUMNS[name].label} {'↑' if COLUMNS[name].higher_is_better else '↓'}"
        for name in metrics
    ]
    cells = [_means(np.array(values)) for values in by_method.values()]
    table = [["", *by_method], *map(list, zip(labels, *cells, strict=True))]
    first, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
    return "\n".join(
        "  ".join([name.ljust(first), *map(str.rjust, line, widths)]) for name, *line in table
    )


def _means(values: np.ndarray) -> list[str]:
    """Return the cells of one method, one per metric, from its values, (images, metrics)."""
    if len(values) == 1:
        return [f"{mean:.4f}" for mean in values[0]]
    with np.errstate(invalid="ignore"):  # the deviation of infinite values is nan
        deviations = values.std(axis=0, ddof=1)
    means = values.mean(axis=0)
    return [f"{m:.4f} ± {d:.4f}" for m, d in zip(means, deviations, strict=True)]
