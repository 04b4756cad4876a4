# From common_code/infrared/utils/common/registration_csv.py; edit it there, then tools/sync.py.
"""Transforms from infrared to visible pixels in a CSV file: `--register_to`, `--register_from`."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.common.files import write_atomically
from utils.common.registration import ALIGNED, FAILED, REGISTERED, Registration
from utils.common.values import Array
from utils.utils import InputError

ALL = "*"  # the name of a transform for all pairs
CELLS = [f"h{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3)]
HEAD = ["name", "status", "confidence", *CELLS]
STATUSES = (REGISTERED, ALIGNED, FAILED)


class Row(NamedTuple):
    """One row of the file; the name is the key of the table."""

    status: str
    confidence: float
    matrix: Array


def start_table(path: Path, overwrite: bool) -> None:
    """Write the head of a new file.

    Raises:
        InputError: it exists and may not be replaced.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} (--register_to) exists; --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join(HEAD) + "\n", encoding="utf-8")


def go_on_with_table(path: Path, redone: Callable[[str], bool]) -> None:
    """Keep the rows of a file that a stopped run has left, but for those that are made again.

    Args:
        path: The file. If it is absent, a new one is begun.
        redone: Whether a name's row is made again.
    """
    if not path.exists():
        start_table(path, overwrite=False)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    with path.open(newline="", encoding="utf-8-sig") as file:
        whole = (row for row in csv.reader(file) if len(row) == len(HEAD) and row != HEAD)
        writer.writerows(row for row in whole if not redone(row[0]))
    write_atomically(path, lambda new: new.write(text.getvalue().encode()))


def add_row(path: Path, name: str, found: Registration) -> None:
    """Append what was found, so that a run that is stopped keeps what it had."""
    cells = [f"{value:.10g}" for value in found.matrix.ravel()]
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(
            [name, found.status, f"{found.confidence:.4f}", *cells]
        )


def read_table(path: Path) -> dict[str, Row]:
    """Return the rows of a file by name.

    Raises:
        InputError: unreadable, other columns, values that are no transform, or a name twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} (--register_from): {error}") from error
    table: dict[str, Row] = {}
    for number, row in enumerate(rows, start=2):
        place = f"{path} (--register_from), line {number}"
        if missing := [column for column in HEAD if not row.get(column)]:
            raise InputError(f"{place}: nothing in {missing[0]}; the columns are {','.join(HEAD)}")
        try:
            matrix = np.array([float(row[cell]) for cell in CELLS]).reshape(3, 3)
            confidence = float(row["confidence"])
        except ValueError as error:
            raise InputError(f"{place}: {error}") from error
        if not np.isfinite(matrix).all() or not matrix[2, 2] or not np.linalg.det(matrix):
            raise InputError(f"{place}: h11 to h33 are no transform")
        if row["status"] not in STATUSES:
            raise InputError(f"{place}: status {row['status']}; it is one of {', '.join(STATUSES)}")
        if row["name"] in table:
            raise InputError(f"{place}: {row['name']} is there twice")
        table[row["name"]] = Row(row["status"], confidence, matrix / matrix[2, 2])
    return table
