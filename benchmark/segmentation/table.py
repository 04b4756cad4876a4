"""The table of IoU as Markdown and CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.score_table import nine_digits, write_lines
from benchmark.segmentation import CLASSES
from benchmark.segmentation.iou import Scores

COLUMNS = (*CLASSES, "mIoU", "mIoU_without_background")
FILES = ("segmentation.md", "segmentation.csv")
Results = Mapping[str, Mapping[int, Scores]]  # by row and seed


def write_table(
    results: Results, averaged: Sequence[int], about: Mapping[str, str], output: Path
) -> str:
    """Write both files and return the text of the Markdown one."""
    lines = (
        [name, str(seed), *(nine_digits(value) for value in scores.row)]
        for name, seeds in results.items()
        for seed, scores in seeds.items()
    )
    write_lines(output / FILES[1], ["method", "seed", *COLUMNS], lines)
    text = "\n".join([*describe(averaged, about), "", *markdown(results, averaged), ""])
    (output / FILES[0]).write_text(text, encoding="utf-8")
    return text


def describe(averaged: Sequence[int], about: Mapping[str, str]) -> list[str]:
    """Return how the table was made, one line each."""
    names = ", ".join(CLASSES[c] for c in averaged)
    lines = [f"- {title}: {text}" for title, text in about.items()]
    return [*lines, f"- mIoU: the mean over {names}; beside it the mean without {CLASSES[0]}"]


def markdown(results: Results, averaged: Sequence[int]) -> list[str]:
    """Return the lines of the table: mean and deviation over the seeds, in percent.

    The deviation is that of a sample, and left out if there is one seed. The best mean of a column
    is bold, unless all are equal.

    Args:
        results: The scores.
        averaged: Ids of the classes that have a column.
    """
    columns = [*averaged, len(CLASSES), len(CLASSES) + 1]
    values = {
        name: np.array([scores.row for scores in seeds.values()])[:, columns]
        for name, seeds in results.items()
    }
    means = np.array([rows.mean(axis=0) for rows in values.values()])
    least, best = np.fmin.reduce(means), np.fmax.reduce(means)  # nan where no row has a value
    best[least == best] = np.nan
    head = ["the segmenter sees", *(CLASSES[c] for c in averaged), "mIoU", "without background"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, rows in values.items():
        cells = (_cell(column, top) for column, top in zip(rows.T, best, strict=True))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cell(values: NDArray[np.float64], best: float) -> str:
    """Return mean and deviation of one row over the seeds."""
    mean = values.mean()
    if np.isnan(mean):
        return "-"
    text = f"**{mean:.2f}**" if mean == best else f"{mean:.2f}"
    return f"{text} ± {values.std(ddof=1):.2f}" if len(values) > 1 else text
