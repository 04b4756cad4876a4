"""Compare the loss curves of runs: `python run_scripts/loss.py RUN RUN ...` writes loss.jpg.

The curves come from the runs' TensorBoard files: training as lines, validation as dots,
on a logarithmic scale.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

HERE = Path(__file__).resolve().parent
RUNS = HERE.parent / "runs"

Curve = list[tuple[int, float]]  # epoch and loss


def read_run(folder: Path, loss: str) -> tuple[Curve, Curve]:
    """Return the curves of training and validation; the second is empty without validation.

    Raises:
        ValueError: nothing of that name was logged there.
    """
    events = EventAccumulator(str(folder / "logs"))
    tags: list[str] = []
    if (folder / "logs").is_dir():
        tags = events.Reload().Tags()["scalars"]
    if f"{loss}/train" not in tags:
        known = sorted(tag.removesuffix("/train") for tag in tags if tag.endswith("/train"))
        raise ValueError(
            f"no curve {loss!r} in {folder / 'logs'} (--loss); found: {', '.join(known) or None}"
        )
    names = [tag for tag in (f"{loss}/train", f"{loss}/val") if tag in tags]
    curves = [[(event.step, event.value) for event in events.Scalars(name)] for name in names]
    return curves[0], curves[1] if len(curves) > 1 else []


def draw(runs: Mapping[str, tuple[Curve, Curve]], label: str) -> Figure:
    """Return a figure of the curves of training and validation of each run by name.

    Raises:
        ValueError: no value is above 0.
    """
    if not any(value > 0 for curves in runs.values() for curve in curves for _, value in curve):
        raise ValueError(f"no value of {label!r} is above 0, which the scale needs (--loss)")
    figure = Figure(figsize=(9.6, 6), layout="constrained")
    axes = figure.subplots()
    for name, (train, val) in runs.items():
        [line] = axes.plot(*zip(*train, strict=True), label=name, marker="." if train[1:] else "o")
        if val:
            axes.plot(*zip(*val, strict=True), "o", color=line.get_color())
    axes.set(xlabel="epoch", ylabel=label, yscale="log", title="lines: training, dots: validation")
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.4)
    axes.legend()
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the curves."""
    parser = argparse.ArgumentParser(
        description="Compare the loss curves of runs: training lines, validation dots.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("runs", type=Path, nargs="*", help="run folders; without any, all of them")
    parser.add_argument("--loss", default="loss", help="or a part of it, such as ssim_loss")
    parser.add_argument("--output", type=Path, default=HERE / "loss.jpg", help="picture to write")
    args = parser.parse_args(argv)
    folders = args.runs or sorted(RUNS.glob("train_*"))
    try:
        if not folders:
            raise ValueError(f"no runs in {RUNS}; train first, or name run folders")
        runs = {folder.name: read_run(folder, args.loss) for folder in folders}
        draw(runs, args.loss).savefig(args.output, dpi=100)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    for name, (train, _) in runs.items():
        print(f"{name}: {args.loss} {train[-1][1]:.6g} after epoch {train[-1][0]}")
    print(f"Output path: {args.output}")


if __name__ == "__main__":
    main()
