"""Draw seconds against scores: one point a method, one panel a metric."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmark.efficiency import SIZE
from benchmark.metrics import COLUMNS
from benchmark.output_paths import check_no_input, check_writable
from benchmark.report.summary import arrow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME, SECONDS = "name", "seconds"
PANEL, RESOLUTION = (5.2, 3.6), 120  # inches, and pixels per inch
MARKS = {"network": "o", "no network": "s", "other program": "^"}  # by the kind of a point
ABOVE, BELOW = 8, -14  # of a name from its point, in points; below if a neighbor is higher
NEIGHBORS = 4.0  # by which factor the seconds of neighbors differ at most
MARGINS = (0.15, 0.12)  # around the points, of the axes, for the names


class Panel(NamedTuple):
    """What one panel shows: scores by name."""

    metric: str
    title: str
    scores: dict[str, float]


class Point(NamedTuple):
    """A row of `--points`: a name, its seconds, and its scores by metric."""

    name: str
    seconds: float
    scores: dict[str, float]


def add_plot_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the plot."""
    plot = parser.add_argument_group("plot")
    plot.add_argument("--plot", type=Path, metavar="FILE", help="draw seconds against scores too")
    plot.add_argument(
        "--scores",
        type=_metric_and_file,
        nargs="+",
        default=[],
        metavar="METRIC=FILE",
        help="draw a panel of this metric, with the scores of a report.csv of benchmark.run, as "
        "in vif=benchmark/results/tno/report.csv",
    )
    plot.add_argument(
        "--points",
        type=Path,
        metavar="CSV",
        help=f"draw more programs: rows with the columns {NAME}, {SECONDS} and one for each "
        "metric; an empty score is that of the report's row of this name",
    )


def _metric_and_file(text: str) -> tuple[str, Path]:
    metric, _, file = text.partition("=")
    if metric not in COLUMNS or not file:
        raise argparse.ArgumentTypeError(f"{text} is not METRIC=FILE, as in vif=report.csv")
    return metric, Path(file)


def check_plot(args: argparse.Namespace) -> tuple[list[Panel], list[Point]]:
    """Return the panels and the other programs, before anything is measured.

    Raises:
        ValueError: A flag is missing, a file cannot be read, or the plot cannot be written.
    """
    if not args.plot:
        if args.scores or args.points:
            raise ValueError("--scores and --points are drawn into a plot; name it with --plot")
        return [], []
    if not args.scores:
        raise ValueError("--plot needs scores: --scores vif=report.csv")
    _figure_class()
    check_writable(args.plot, "file", "--plot")
    files = [file for _, file in args.scores] + ([args.points] if args.points else [])
    check_no_input([args.plot], files, "--plot")
    return [_panel(*score) for score in args.scores], _points(args.points) if args.points else []


def _panel(metric: str, file: Path) -> Panel:
    rows = _read(file, ("method", metric), "--scores")
    scores = {row["method"]: _number(row[metric], file) for row in rows if row[metric]}
    return Panel(metric, file.absolute().parent.name, scores)


def _points(file: Path) -> list[Point]:
    return [
        Point(
            row[NAME],
            _number(row[SECONDS], file),
            {key: _number(cell, file) for key, cell in row.items() if key in COLUMNS and cell},
        )
        for row in _read(file, (NAME, SECONDS), "--points")
    ]


def _read(file: Path, columns: Sequence[str], flag: str) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, restval="")
            rows, found = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} ({flag}) cannot be read: {error}") from error
    if missing := [name for name in columns if name not in found]:
        raise ValueError(f"{file} ({flag}) has no column {missing[0]}; it has {', '.join(found)}")
    return rows


def _number(text: str, file: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{file}: {text} is not a number") from error


def draw(
    panels: Sequence[Panel],
    seconds: Mapping[str, float],
    points: Sequence[Point],
    kinds: Mapping[str, str],
) -> Figure:
    """Return the figure; a panel leaves out what it has no score of.

    Args:
        panels: The metrics.
        seconds: What was measured, by name.
        points: Other programs, or the seconds of methods that were measured before.
        kinds: Keys of `MARKS` by name; a name that is not there is another program.
    """
    width, height = PANEL
    figure = _figure_class()(figsize=(width * len(panels), height), layout="constrained")
    every = [*(Point(name, value, {}) for name, value in seconds.items()), *points]
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        scored = [
            (point, point.scores.get(panel.metric, panel.scores.get(point.name, math.nan)))
            for point in every
        ]
        _fill(axes, panel, [pair for pair in scored if math.isfinite(pair[1])], kinds)
    return figure


def _fill(
    axes: Axes, panel: Panel, scored: Sequence[tuple[Point, float]], kinds: Mapping[str, str]
) -> None:
    for kind, mark in MARKS.items():
        own = [pair for pair in scored if kinds.get(pair[0].name, "other program") == kind]
        if own:
            x, y = zip(*((point.seconds, score) for point, score in own), strict=True)
            axes.plot(x, y, mark, label=kind)
    for point, score in scored:
        beaten = any(other > score and _are_near(point, near) for near, other in scored)
        axes.annotate(
            point.name,
            (point.seconds, score),
            xytext=(0, BELOW if beaten else ABOVE),
            textcoords="offset points",
            ha="center",
        )
    axes.margins(*MARGINS)
    axes.set(
        xscale="log",
        xlabel=f"seconds for a pair of {SIZE}",
        ylabel=f"{COLUMNS[panel.metric].label} {arrow(panel.metric)}",
        title=panel.title,
    )
    axes.grid(alpha=0.4)
    if scored:
        axes.legend()


def _are_near(one: Point, other: Point) -> bool:
    return max(one.seconds, other.seconds) < NEIGHBORS * min(one.seconds, other.seconds)


def _figure_class() -> type[Figure]:
    """Return matplotlib's figure.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError("--plot needs matplotlib: pip install matplotlib") from error
    return Figure
