"""Draw seconds against scores: one point a method, one panel a metric."""

from __future__ import annotations

import argparse
import csv
import itertools
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
    from matplotlib.transforms import Bbox

NAME, SECONDS = "name", "seconds"
PANEL, RESOLUTION = (5.2, 3.6), 120  # inches, and pixels per inch
ACROSS = 2  # panels in a row
MARK = 5  # from the middle of a mark to its border, pixels
MARKS = {"network": "o", "no network": "s", "other program": "^"}  # by the kind of a point
LIFTS = (11, -11, 23, -23, 35, -35)  # of a name from its point, in points; the first free one
MARGINS = (0.15, 0.2)  # around the points, of the axes, for the names


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
        metavar="METRIC[=FILE]",
        help="draw a panel of this metric, with the scores of a report.csv of benchmark.run, as "
        "in vif=benchmark/results/tno/report.csv, or of --points alone",
    )
    plot.add_argument(
        "--points",
        type=Path,
        metavar="CSV",
        help=f"draw more programs: rows with the columns {NAME}, {SECONDS} and one for each "
        "metric, which may have any name; an empty score is that of the report's row of this name",
    )


def _metric_and_file(text: str) -> tuple[str, Path | None]:
    metric, _, file = text.partition("=")
    return metric, Path(file) if file else None


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
    files = [file for file in (*(file for _, file in args.scores), args.points) if file]
    check_no_input([args.plot], files, "--plot")
    points = _points(args.points) if args.points else []
    for metric, file in args.scores:
        if not file and not any(metric in point.scores for point in points):
            raise ValueError(
                f"--scores {metric}: name a file, as in vif=report.csv, or give scores of "
                f"{metric} in --points"
            )
    return [_panel(*score) for score in args.scores], points


def _panel(metric: str, file: Path | None) -> Panel:
    if not file:
        return Panel(metric, "", {})
    rows = _read(file, ("method", metric), "--scores")
    scores = {row["method"]: _number(row[metric], file) for row in rows if row[metric]}
    return Panel(metric, file.absolute().parent.name, scores)


def _points(file: Path) -> list[Point]:
    return [
        Point(
            row[NAME],
            _number(row[SECONDS], file),
            {key: _number(row[key], file) for key in row.keys() - {NAME, SECONDS} if row[key]},
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
    if long := [number for number, row in enumerate(rows, 1) if None in row]:
        raise ValueError(f"{file} ({flag}): row {long[0]} has more cells than the first line")
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
    columns = min(len(panels), ACROSS)
    rows = math.ceil(len(panels) / columns)
    figure = _figure_class()(figsize=(width * columns, height * rows), layout="constrained")
    every = [*(Point(name, value, {}) for name, value in seconds.items()), *points]
    grid = figure.subplots(rows, columns, squeeze=False).flat
    names = []
    for panel, axes in itertools.zip_longest(panels, grid):
        if not panel:
            axes.set_axis_off()
            continue
        scored = [
            (point, point.scores.get(panel.metric, panel.scores.get(point.name, math.nan)))
            for point in every
        ]
        known = [pair for pair in scored if math.isfinite(pair[1])]
        _fill(axes, panel, known, kinds)
        names.append((axes, sorted((p.seconds, score, p.name) for p, score in known)))
    figure.draw_without_rendering()  # now it is known where the points are
    for axes, marks in names:
        _write_names(axes, marks)
    return figure


def _fill(
    axes: Axes, panel: Panel, scored: Sequence[tuple[Point, float]], kinds: Mapping[str, str]
) -> None:
    for color, (kind, mark) in enumerate(MARKS.items()):
        own = [pair for pair in scored if kinds.get(pair[0].name, "other program") == kind]
        if own:
            x, y = zip(*((point.seconds, score) for point, score in own), strict=True)
            axes.plot(x, y, mark, color=f"C{color}", label=kind)
    axes.margins(*MARGINS)
    axes.set(
        xscale="log",
        xlabel=f"seconds for a pair of {SIZE}",
        ylabel=_label(panel.metric),
        title=panel.title,
    )
    axes.grid(alpha=0.4)
    if scored:
        axes.legend()


def _label(metric: str) -> str:
    return f"{COLUMNS[metric].label} {arrow(metric)}" if metric in COLUMNS else metric


def _write_names(axes: Axes, marks: Sequence[tuple[float, float, str]]) -> None:
    """Write names above or below their points, where they touch neither points nor other names.

    Args:
        axes: Where the points are drawn.
        marks: Seconds, score and name of each point.
    """
    points = [axes.transData.transform(mark[:2]) for mark in marks]
    boxes: list[Bbox] = []
    for seconds, score, name in marks:
        text = axes.annotate(name, (seconds, score), (0, 0), textcoords="offset points")
        text.set(ha="center", va="center")
        for lift in LIFTS:
            text.xyann = (0, lift)
            box = text.get_window_extent()
            if not box.padded(MARK).count_contains(points) and not box.count_overlaps(boxes):
                break
        boxes.append(box)


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
