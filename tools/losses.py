"""Print the losses of runs side by side: `python tools/losses.py RUN RUN ...`, as Markdown.

The curves are those that the runs wrote for TensorBoard, one value an epoch, or for BFFR one value
for each step that it logged. A run that was stopped and went on has one curve.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

LOSSES = ("loss/train", "loss")  # as the methods and as mmengine call it

Curve = dict[int, float]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--name", help=f"print this curve (default: {' or '.join(LOSSES)})")
    return parser.parse_args(argv)


def read_curve(run: Path, names: Sequence[str]) -> Curve:
    """Return the first of the named curves that a run has, value by step.

    Raises:
        ValueError: It has none of them.
    """
    curves: dict[str, Curve] = {}
    for path in sorted(run.glob("logs/**/events.*")):
        events = EventAccumulator(str(path)).Reload()
        for name in events.Tags()["scalars"]:
            values = {event.step: event.value for event in events.Scalars(name)}
            curves[name] = curves.get(name, {}) | values
    for name in names:
        if name in curves:
            return curves[name]
    found = ", ".join(sorted(curves)) or "no curve"
    raise ValueError(f"{run} has no {' or '.join(names)} (--name) in logs/; it has {found}")


def as_table(curves: Sequence[Curve], labels: Sequence[str]) -> str:
    """Return a Markdown table, one row a step; a step that a run lacks is an empty cell."""
    rows = [["step", *labels], ["---"] * (1 + len(labels))]
    for step in sorted(set().union(*curves)):
        cells = [f"{curve[step]:.6f}" if step in curve else "" for curve in curves]
        rows.append([str(step), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(args: argparse.Namespace) -> None:
    """Print the table, and how far the runs are apart."""
    names = (args.name,) if args.name else LOSSES
    try:
        curves = [read_curve(run, names) for run in args.runs]
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
    print(as_table(curves, [run.name for run in args.runs]))
    common = [[curve[step] for curve in curves] for step in set.intersection(*map(set, curves))]
    if len(curves) > 1 and common:
        apart = max((max(v) - min(v)) / max(map(abs, v), default=1) for v in common if any(v))
        print(f"\nLargest relative difference: {apart:.1e}")


if __name__ == "__main__":
    main(parse_args())
