"""Merge the tables of `benchmark.evaluate --shard` into that of all images."""

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.metrics import COLUMNS
from benchmark.output_paths import check_no_input, check_writable
from benchmark.score_table import FORMULA, Row, format_means, write_lines

PART = re.compile(r"-(\d+)-of-(\d+)$")  # at the end of a shard's name
KEYS = ["method", "image"]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Merge the tables of all shards, SCORES-1-of-N.csv to SCORES-N-of-N.csv, into "
        "the one that benchmark.evaluate writes without --shard."
    )
    parser.add_argument("tables", type=Path, nargs="+", help="the tables of all shards")
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    return build_parser().parse_args(argv)


def check_complete(paths: Sequence[Path]) -> None:
    """Raise a ValueError if the names of tables are not those of all parts of one division."""
    parts = []
    for path in paths:
        if not (match := PART.search(path.stem)):
            raise ValueError(f"{path} is not called as a shard's table, NAME-I-of-N.csv")
        parts.append((int(match[1]), int(match[2])))
    counts = sorted({count for _, count in parts})
    if len(counts) > 1:
        raise ValueError(f"tables of different divisions: of {' and of '.join(map(str, counts))}")
    numbers = [number for number, _ in parts]
    if missing := sorted(set(range(1, counts[0] + 1)) - set(numbers)):
        raise ValueError(f"part {missing[0]} of {counts[0]} is missing ({len(missing)} in all)")
    if twice := [number for number in numbers if numbers.count(number) > 1]:
        raise ValueError(f"part {twice[0]} of {counts[0]} is given twice")


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the metrics of a table and its rows, as text.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not a table of `benchmark.evaluate`.
    """
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    metrics = header[len(KEYS) :]
    if header[: len(KEYS)] != KEYS or not metrics or not set(metrics) <= COLUMNS.keys():
        raise ValueError(f"{path} is not a table of benchmark.evaluate")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: {len(row)} cells, expected {len(header)}")
    return metrics, rows


def merge(paths: Sequence[Path]) -> tuple[list[str], list[list[str]]]:
    """Return the metrics of tables and all of their rows, as text in the order of one table.

    Raises:
        OSError: If a table cannot be read.
        ValueError: If they do not have the same columns, or a row twice.
    """
    tables = {path: read_table(path) for path in paths}
    metrics = tables[paths[0]][0]
    seen: dict[tuple[str, str], Path] = {}
    merged: list[list[str]] = []
    for path, (columns, rows) in tables.items():
        if columns != metrics:
            raise ValueError(
                f"{path} has the metrics {' '.join(columns)}, {paths[0]} {' '.join(metrics)}"
            )
        for row in rows:
            other = seen.setdefault((row[0], row[1]), path)
            if other is not path:
                raise ValueError(f"{path} and {other} have scores of {row[0]} on {row[1]}")
        merged += rows
    order = list(dict.fromkeys(method for method, _ in seen))
    merged.sort(key=lambda row: (order.index(row[0]), _unquoted(row[1])))
    return metrics, merged


def _unquoted(cell: str) -> str:
    """Return a name without the `'` that `score_table.as_text` puts before a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def main(args: argparse.Namespace) -> int:
    """Merge, write and print. Return the exit status."""
    try:
        check_writable(args.output, "file")
        check_no_input([args.output], args.tables)
        if (args.output.exists() or args.output.is_symlink()) and not args.overwrite:
            raise ValueError(f"{args.output} exists; replace it with --overwrite")
        check_complete(args.tables)
        metrics, rows = merge(args.tables)
        write_lines(args.output, [*KEYS, *metrics], rows)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    scores = [Row(row[0], row[1], [float(cell) for cell in row[2:]]) for row in rows]
    print(f"{len({row.image for row in scores})} images, mean ± standard deviation")
    print(format_means(metrics, scores))
    return 0


if __name__ == "__main__":
    sys.exit(main(parse_args()))
