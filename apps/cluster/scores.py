"""The table of scores, `scores.csv`, which grows from call to call."""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.cluster.addresses import UsageError
from benchmark.evaluate import choose_metrics
from benchmark.metrics import CONVENTIONS
from benchmark.score_table import Row, as_text, write_csv
from benchmark.scoring import Job

NAME = "scores.csv"


def choose_columns(args: argparse.Namespace, jobs: Sequence[Any]) -> list[str]:
    """Return the metrics that `--convention` and `--metrics` choose for the sources of jobs.

    Raises:
        UsageError: an unknown convention or metric, or one that does not suit the sources.
    """
    if args.convention not in CONVENTIONS:
        raise UsageError(f"--convention {args.convention}: say one of {' '.join(CONVENTIONS)}")
    known = CONVENTIONS[args.convention].functions
    if unknown := [name for name in args.metrics if name not in known]:
        raise UsageError(f"--metrics {' '.join(unknown)}: known are {' '.join(known)}")
    scenes = [Job(job.output.stem, list(job.sources), "sources", {}) for job in jobs]
    kind = "pairs" if all(job.kind == "pair" for job in jobs) else "exposures"
    try:
        return list(choose_metrics(args, scenes, kind))
    except ValueError as error:
        raise UsageError(str(error)) from error


class Scores:
    """Scores of one method by image.

    Args:
        path: The file. What it holds is kept unless `replace`.
        method: As the column has it.
        metrics: The columns.
        replace: Begin anew.

    Raises:
        UsageError: the file has other columns.
    """

    def __init__(self, path: Path, method: str, metrics: Sequence[str], replace: bool) -> None:
        self.path, self.method, self.metrics = path, method, list(metrics)
        self._rows: dict[str, Row] = {}
        if path.exists() and not replace:
            with path.open(newline="", encoding="utf-8") as file:
                header, *lines = csv.reader(file)
            if header != ["method", "image", *metrics] or any(line[0] != method for line in lines):
                raise UsageError(f"{path} is of another method or has other metrics; move it away")
            for _, image, *values in lines:
                self._rows[image] = Row(method, image, [float(value) for value in values])

    def __contains__(self, image: str) -> bool:
        return as_text(image) in self._rows

    def add(self, image: str, values: Sequence[float]) -> None:
        """Add the scores of an image."""
        self._rows[as_text(image)] = Row(self.method, image, list(values))

    def write(self) -> None:
        """Write the table, by name, unless it has no rows."""
        if self._rows:
            rows = [self._rows[image] for image in sorted(self._rows)]
            write_csv(self.path, self.metrics, rows)
