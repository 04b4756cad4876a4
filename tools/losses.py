"""Print the losses of runs side by side, as Markdown, or draw them.

    python tools/losses.py RUN RUN ...
    python tools/losses.py RUN RUN ... --plot losses.png

The curves are those that the runs wrote for TensorBoard, one value an epoch, or for BFFR one value
for each step that it logged. A run that was stopped and went on has one curve.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSSES = ("loss/train", "loss")  # as the methods and as mmengine call it
TRAIN, VAL = "/train", "/val"  # ends of the names in which the methods write a value an epoch
DECADE = 10  # a plot with values further apart than this factor has a logarithmic scale
SIZE, RESOLUTION = (5, 3.2), 100  # of a plot: inches, and pixels per inch

Curve = dict[int, float]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--name", help=f"take this curve (default: {' or '.join(LOSSES)})")
    parser.add_argument(
        "--labels", nargs="+", metavar="TEXT", help="call the runs so (default: their folders)"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the curves into this picture instead, with those of validation, if there are "
        "any, as dots",
    )
    return parser.parse_args(argv)


def read_curves(run: Path) -> dict[str, Curve]:
    """Return all curves of a run by name, each as value by step."""
    curves: dict[str, Curve] = {}
    for path in sorted(run.glob("logs/**/events.*")):
        events = EventAccumulator(str(path)).Reload()
        for name in events.Tags()["scalars"]:
            values = {event.step: event.value for event in events.Scalars(name)}
            curves[name] = curves.get(name, {}) | values
    return curves


def choose(run: Path, curves: Mapping[str, Curve], names: Sequence[str]) -> str:
    """Return the first of the names that a run has a curve of.

    Raises:
        ValueError: It has none of them.
    """
    for name in names:
        if name in curves:
            return name
    found = ", ".join(sorted(curves)) or "no curve"
    raise ValueError(f"{run} has no {' or '.join(names)} (--name) in logs/; it has {found}")


def as_table(curves: Sequence[Curve], labels: Sequence[str]) -> str:
    """Return a Markdown table, one row a step; a step that a run lacks is an empty cell."""
    rows = [["step", *labels], ["---"] * (1 + len(labels))]
    for step in sorted(set().union(*curves)):
        cells = [f"{curve[step]:.6f}" if step in curve else "" for curve in curves]
        rows.append([str(step), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def largest_difference(curves: Sequence[Curve]) -> str:
    """Return a sentence on how far the runs are apart where all have a value, if there is any."""
    common = [[curve[step] for curve in curves] for step in set.intersection(*map(set, curves))]
    if len(curves) < 2 or not common:
        return ""
    apart = max((max(v) - min(v)) / max(map(abs, v), default=1) for v in common if any(v))
    return f"\nLargest relative difference: {apart:.1e}"


def draw(
    runs: Sequence[Mapping[str, Curve]], names: Sequence[str], labels: Sequence[str]
) -> Figure:
    """Return a figure of one curve of each run, and of validation where the run has it.

    Args:
        runs: All curves of each run.
        names: The curve to draw of each run.
        labels: What the legend calls each run.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError("--plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    values: list[float] = []
    for curves, name, label in zip(runs, names, labels, strict=True):
        curve, val = curves[name], curves.get(name.removesuffix(TRAIN) + VAL, {})
        [line] = axes.plot(*_points(curve), label=label, marker="" if curve.keys() - {1} else "o")
        if val:
            axes.plot(*_points(val), ".", color=line.get_color(), label="validation")
        values += [*curve.values(), *val.values()]
    axes.set_yscale("log" if 0 < min(values) < max(values) / DECADE else "linear")
    axes.set_xlabel("epoch" if all(name.endswith(TRAIN) for name in names) else "iteration")
    axes.set_ylabel(" or ".join(dict.fromkeys(name.removesuffix(TRAIN) for name in names)))
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.4, which="both")
    axes.legend()
    return figure


def _points(curve: Curve) -> tuple[list[int], list[float]]:
    steps = sorted(curve)
    return steps, [curve[step] for step in steps]


def main(args: argparse.Namespace) -> None:
    """Print the table, and how far the runs are apart, or draw the plot."""
    labels = args.labels or [run.resolve().name for run in args.runs]
    try:
        if len(labels) != len(args.runs):
            raise ValueError(f"{len(labels)} --labels for {len(args.runs)} runs")
        runs = [read_curves(run) for run in args.runs]
        wanted = (args.name,) if args.name else LOSSES
        names = [choose(*run, wanted) for run in zip(args.runs, runs, strict=True)]
        if args.plot:
            draw(runs, names, labels).savefig(args.plot, dpi=RESOLUTION)
            print(f"Plot: {args.plot}")
            return
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    chosen = [curves[name] for curves, name in zip(runs, names, strict=True)]
    print(as_table(chosen, labels))
    if difference := largest_difference(chosen):
        print(difference)


if __name__ == "__main__":
    main(parse_args())
