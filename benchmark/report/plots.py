"""Positions of the marks of a plot: one line per method, with the values of a metric on it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, LABEL, MARGIN = 380, 84, 10  # of the drawing, of the names, beside the values; in its units
LINE, HEAD, FOOT = 22, 4, 20  # height of a line, above the first line, below the last
SPREAD = (-3.5, 0.0, 3.5)  # heights of the dots, so that near values stay apart
TICKS = 5


class Dot(NamedTuple):
    """The value of one image."""

    x: float
    y: float
    title: str


class Strip(NamedTuple):
    """The values of a method, their middle half and their mean, both None without values."""

    method: str
    y: float
    dots: list[Dot]
    box: tuple[float, float] | None
    mean: float | None


class Plot(NamedTuple):
    """The drawing of one metric."""

    height: float
    strips: list[Strip]
    ticks: list[tuple[float, str]]
    left_out: int


def draw(values: dict[str, NDArray[np.float64]], images: Sequence[str]) -> Plot:
    """Lay out one metric.

    Args:
        values: One value per image, by method.
        images: Names of the images.
    """
    every = np.concatenate(list(values.values()))
    finite = every[np.isfinite(every)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    scale = (WIDTH - LABEL - 2 * MARGIN) / (high - low)

    def across(value: float) -> float:
        return round(LABEL + MARGIN + (value - low) * scale, 1)

    strips = []
    for line, (method, column) in enumerate(values.items()):
        y = HEAD + (line + 0.5) * LINE
        kept = [(n, float(v)) for n, v in zip(images, column, strict=True) if math.isfinite(v)]
        dots = [
            Dot(across(value), y + SPREAD[index % len(SPREAD)], f"{name}: {value:.4g}")
            for index, (name, value) in enumerate(kept)
        ]
        if kept:
            numbers = np.array([value for _, value in kept])
            first, third = (across(float(q)) for q in np.quantile(numbers, (0.25, 0.75)))
            strips.append(Strip(method, y, dots, (first, third), across(float(numbers.mean()))))
        else:
            strips.append(Strip(method, y, dots, None, None))
    ticks = [(across(tick), f"{tick:.6g}") for tick in nice_ticks(low, high)]
    return Plot(HEAD + LINE * len(values) + FOOT, strips, ticks, len(every) - len(finite))


def nice_ticks(low: float, high: float, about: int = TICKS) -> list[float]:
    """Return round numbers from `low` to `high`: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]
