"""Compare the loss curves of runs: `python run_scripts/loss.py RUN RUN ...` writes loss.jpg.

The curves come from the runs' TensorBoard files: training as lines, validation as dots,
on a logarithmic scale.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

HERE = Path(__file__).resolve().parent
RUNS = HERE.parent / "runs"
HEIGHT, WIDTH = 600, 960  # pixels
LEFT, RIGHT, TOP, BOTTOM = 90, 30, 50, 60  # margins
INK, GRID = (50, 50, 50), (225, 225, 225)
COLOURS = (  # B, G, R
    (180, 119, 31),
    (14, 127, 255),
    (44, 160, 44),
    (40, 39, 214),
    (189, 103, 148),
    (75, 86, 140),
    (194, 119, 227),
    (127, 127, 127),
)

Curve = list[tuple[int, float]]  # epoch and loss
Image = NDArray[np.uint8]


class Run(NamedTuple):
    """A run's name and curves; `val` is empty without a validation set."""

    name: str
    train: Curve
    val: Curve


def read_run(folder: Path, loss: str) -> Run:
    """Return the curves of a run folder.

    Raises:
        ValueError: nothing of that name was logged there.
    """
    logs = folder / "logs"
    tags: list[str] = []
    if logs.is_dir():
        events = EventAccumulator(str(logs))
        events.Reload()
        tags = events.Tags()["scalars"]
    if f"{loss}/train" not in tags:
        known = sorted(tag.removesuffix("/train") for tag in tags if tag.endswith("/train"))
        raise ValueError(f"no curve {loss!r} in {logs} (--loss); found: {', '.join(known) or None}")

    def curve(tag: str) -> Curve:
        return [(event.step, event.value) for event in events.Scalars(tag)] if tag in tags else []

    return Run(folder.name, curve(f"{loss}/train"), curve(f"{loss}/val"))


class Axes:
    """A white sheet with a linear axis of epochs and a logarithmic one of losses."""

    def __init__(self, curves: Sequence[Curve], label: str) -> None:
        points = [point for curve in curves for point in curve if 0 < point[1] < math.inf]
        if not points:
            raise ValueError(f"no value of {label!r} is above 0, which the scale needs (--loss)")
        self.first = min(epoch for epoch, _ in points)
        self.last = max(self.first + 1, *(epoch for epoch, _ in points))
        low, high = min(y for _, y in points), max(y for _, y in points)
        self.bottom, self.top = math.log10(low / 1.1), math.log10(high * 1.1)
        self.sheet: Image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        self._draw_grid()
        self.text(f"{label} (lines: training, dots: validation)", (LEFT, TOP - 18), 0.6)
        self.text("epoch", (WIDTH - RIGHT - 55, HEIGHT - 14), 0.6)

    def at(self, epoch: float, loss: float) -> tuple[int, int]:
        """Return the pixel of a point."""
        x = (epoch - self.first) / (self.last - self.first)
        y = (self.top - math.log10(loss)) / (self.top - self.bottom)
        return (
            round(LEFT + x * (WIDTH - LEFT - RIGHT)),
            round(TOP + y * (HEIGHT - TOP - BOTTOM)),
        )

    def text(self, text: str, at: tuple[int, int], size: float = 0.5) -> None:
        """Write a line of text."""
        cv2.putText(self.sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)

    def line(self, curve: Curve, colour: tuple[int, int, int], dotted: bool = False) -> None:
        """Draw a curve, with a point at each epoch."""
        dots = [self.at(*point) for point in curve if 0 < point[1] < math.inf]
        if not dotted:
            cv2.polylines(self.sheet, [np.array(dots)], False, colour, 2, cv2.LINE_AA)
        for dot in dots if dotted or len(dots) < 2 else []:
            cv2.circle(self.sheet, dot, 4, colour, -1, cv2.LINE_AA)

    def legend(self, number: int, name: str, colour: tuple[int, int, int]) -> None:
        """Name a curve in the corner that falling losses leave free."""
        x, y = WIDTH - RIGHT - 260, TOP + 24 + 22 * number
        cv2.line(self.sheet, (x, y - 5), (x + 30, y - 5), colour, 2, cv2.LINE_AA)
        self.text(name, (x + 40, y))

    def _draw_grid(self) -> None:
        for loss in _round_numbers(self.bottom, self.top):
            y = self.at(self.first, loss)[1]
            cv2.line(self.sheet, (LEFT, y), (WIDTH - RIGHT, y), GRID)
            self.text(f"{loss:g}", (12, y + 5))
        steps = (factor * 10**exponent for exponent in range(9) for factor in (1, 2, 5))
        step = next(step for step in steps if (self.last - self.first) / step <= 10)
        for epoch in range(-(-self.first // step) * step, self.last + 1, step):
            x = self.at(epoch, 10**self.bottom)[0]
            cv2.line(self.sheet, (x, TOP), (x, HEIGHT - BOTTOM), GRID)
            self.text(str(epoch), (x - 5 * len(str(epoch)), HEIGHT - BOTTOM + 22))
        cv2.rectangle(self.sheet, (LEFT, TOP), (WIDTH - RIGHT, HEIGHT - BOTTOM), INK)


def _round_numbers(bottom: float, top: float) -> Iterator[float]:
    """Yield 1, 2 and 5 times powers of ten between two logarithms, fewer where they crowd."""
    fine, medium, coarse = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1.0, 2, 5], [1.0]
    factors = fine if top - bottom < 0.5 else medium if top - bottom < 3 else coarse
    for exponent in range(math.floor(bottom), math.ceil(top) + 1):
        for factor in factors:
            if bottom <= math.log10(factor) + exponent <= top:
                yield factor * 10.0**exponent


def draw(runs: Sequence[Run], label: str) -> Image:
    """Return the curves of the runs with axes and a legend, (H, W, 3) in B, G, R order."""
    axes = Axes([curve for run in runs for curve in (run.train, run.val)], label)
    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        axes.line(run.train, colour)
        axes.line(run.val, colour, dotted=True)
        axes.legend(number, run.name, colour)
    return axes.sheet


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the curves and return the exit status."""
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
        runs = [read_run(folder, args.loss) for folder in folders]
        if not cv2.imwrite(str(args.output), draw(runs, args.loss)):
            raise ValueError(f"cannot write {args.output} (--output)")
    except (ValueError, cv2.error) as error:
        sys.exit(f"error: {error}")
    for run in runs:
        print(f"{run.name}: {args.loss} {run.train[-1][1]:.6g} after epoch {run.train[-1][0]}")
    print(f"Output path: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
