# From common_code/base/utils/common/failures.py; edit it there, then tools/sync.py.
"""`failures.csv`: what could not be fused, as a list that `--pairs` takes."""

import argparse
import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from utils.common.files import write_atomically
from utils.common.pair_list import OUTPUT
from utils.common.pairs import FusionJob

NAME = "failures.csv"
PATTERN = "failures*.csv"  # with those of shards
LAST = (OUTPUT, "error")  # columns, after those of the sources
FLAGS = {"pair": ("vis", "ir"), "exposures": ("under", "over")}  # of two sources, by their kind


class Failure(NamedTuple):
    """A job that failed, and why."""

    job: FusionJob
    reason: str


def failures_path(jobs: Sequence[FusionJob], args: argparse.Namespace) -> Path | None:
    """Return where the failures of a run are listed; None for a single result, which is known.

    It is the folder of `--output`, or that of the list which the results are relative to, or the
    one that holds all results.
    """
    folders = {job.output.parent for job in jobs}
    if not folders or (len(jobs) == 1 and not (args.pairs or args.shard)):
        return None
    folder = Path(os.path.commonpath([each.absolute() for each in folders]))
    for given in (args.output, *(path.parent for path in args.pairs or ())):
        if given and folder.is_relative_to(given.absolute()):
            folder = given
            break
    return args.shard.name(folder / NAME) if args.shard else folder / NAME


def write_failures(path: Path, failed: Sequence[Failure]) -> None:
    """Replace a list of failures whole, or delete it if there are none.

    Paths of sources are absolute, those of results relative to the list where they can be.
    """
    if not failed:
        path.unlink(missing_ok=True)
        return
    rows = [_row(path.parent, failure) for failure in failed]
    columns = dict.fromkeys(column for row in rows for column in row if column not in LAST)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *LAST], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))


def _row(folder: Path, failure: Failure) -> dict[str, str]:
    """Return the cells of a failure, by column."""
    job = failure.job
    columns: tuple[str, ...] = FLAGS.get(job.kind, ())
    if len(columns) != len(job.sources):
        columns = tuple(f"{job.kind}{number}" for number in range(1, len(job.sources) + 1))
    cells = dict(zip(columns, map(str, (path.absolute() for path in job.sources)), strict=True))
    output = job.output.absolute()
    name = output.relative_to(folder) if output.is_relative_to(folder) else output
    return {**cells, OUTPUT: str(name), "error": " ".join(failure.reason.split())}
