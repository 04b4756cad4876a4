"""Rows that a paper has published, to stand in the tables beside computed ones."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.metrics import COLUMNS
from benchmark.report.summary import Cell

METHOD, SOURCE, DEVIATION = "method", "source", "_sd"
MARK = " (quoted)"  # behind the name of a method
COLUMNS_HELP = (
    f"the columns are {METHOD}, {SOURCE} (where it is published; optional) and one for each "
    f"metric, called as in --metrics, or with {DEVIATION} behind for its standard deviation"
)
NOT_GIVEN = Cell(math.nan, "-", "", 0)


class Quoted(NamedTuple):
    """The row of one method.

    Attributes:
        source: Where it is published, as the file says, or the file's name.
        cells: One per metric of the report, without a place: only computed means are ranked.
    """

    source: str
    cells: list[Cell]


def read_published(paths: Sequence[Path], metrics: Sequence[str]) -> dict[str, Quoted]:
    """Read the quoted rows of some files, by the name of the method with the mark `(quoted)`.

    Args:
        paths: CSV files: see `COLUMNS_HELP`. An empty cell is a number that the paper lacks.
        metrics: Columns of the report. Others are left out.

    Raises:
        ValueError: A file cannot be read as such a table, a method occurs twice, or a row has none
            of the metrics.
    """
    found: dict[str, Quoted] = {}
    for path in paths:
        for line, row in _read_rows(path):
            where = f"{path}, line {line} (--published)"
            name = row[METHOD] + MARK
            if not row[METHOD]:
                raise ValueError(f"{where} names no {METHOD}")
            if name in found:
                raise ValueError(f"{where} has {row[METHOD]} again; give one of them another name")
            cells = [_cell(row, metric, where) for metric in metrics]
            if all(cell is NOT_GIVEN for cell in cells):
                raise ValueError(
                    f"{where} has no number for the metrics of this report: {', '.join(metrics)}"
                )
            found[name] = Quoted(row.get(SOURCE) or path.name, cells)
    return found


def describe_quoted(quoted: dict[str, Quoted]) -> dict[str, str]:
    """Return the heading and the line of a report that say where rows are quoted from."""
    if not quoted:
        return {}
    sources = "; ".join(f"{name.removesuffix(MARK)}: {row.source}" for name, row in quoted.items())
    return {"Quoted": f"as published, neither computed here nor ranked. {sources}"}


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [_column(name, path) for name in next(reader, [])]
            lines = [(reader.line_num, line) for line in reader if any(map(str.strip, line))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} (--published) is not a CSV file in UTF-8: {error}") from error
    if METHOD not in header or len(set(header)) < len(header):
        held = ", ".join(header) or "nothing"
        raise ValueError(
            f"{path} (--published) has the columns {held}; expected {METHOD} and others, each once"
        )
    for number, line in lines:
        if len(line) != len(header):
            raise ValueError(
                f"{path}, line {number} (--published) has {len(line)} cells; the head has "
                f"{len(header)}"
            )
    return [
        (number, dict(zip(header, map(str.strip, line), strict=True))) for number, line in lines
    ]


def _column(text: str, path: Path) -> str:
    """Return the name of a column, whose metric may be written as the tables head it."""
    name = text.strip().lower()
    base = name.removesuffix(DEVIATION)
    labels = {column.label.lower(): metric for metric, column in COLUMNS.items()}
    metric = labels.get(base, base)
    if metric in COLUMNS:
        return metric + name[len(base) :]
    if name in (METHOD, SOURCE):
        return name
    raise ValueError(
        f"{path} (--published) has an unknown column {text.strip()!r}; known are {METHOD}, "
        f"{SOURCE}, {', '.join(COLUMNS)}, and these metrics with {DEVIATION} behind"
    )


def _cell(row: dict[str, str], metric: str, where: str) -> Cell:
    mean, deviation = (row.get(metric + end, "") for end in ("", DEVIATION))
    if not mean:
        return NOT_GIVEN
    for text in filter(None, (mean, deviation)):
        try:
            finite = math.isfinite(float(text))
        except ValueError:
            finite = False
        if not finite:
            raise ValueError(f"{where} has {text!r} for {metric}; expected a number")
    return Cell(float(mean), mean, deviation, 0)
