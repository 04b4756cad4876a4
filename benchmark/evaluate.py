"""Score fused images against their sources: one row per image and method, as CSV."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from images import check_same_size, index_images, match_images, read_luma
from metrics import METRICS


class Job(NamedTuple):
    """One image: its sources and the fused result of each method."""

    image: str
    ir: Path
    vis: Path
    fused: dict[str, Path]


class Row(NamedTuple):
    """The scores of one method on one image, in the order of METRICS."""

    method: str
    image: str
    values: list[float]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Score fused images with " + ", ".join(m.label for m in METRICS.values()) + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,  # no "(default: None)" beside what is required
    )
    parser.add_argument("--ir", type=Path, required=True, help="infrared images, folder or file")
    parser.add_argument("--vis", type=Path, required=True, help="visible images, folder or file")
    parser.add_argument(
        "--fused",
        type=_named_path,
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME=DIR",
        help="a method's name and its fused images, folder or file; may be repeated",
    )
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument(
        "--overwrite", action="store_true", default=False, help="replace an existing --output"
    )
    parser.add_argument(
        "--workers", type=_positive, default=os.cpu_count() or 1, help="worker processes"
    )
    return parser


def _named_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"expected NAME=DIR, found {text!r}")
    return name, Path(path)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def find_jobs(ir: Path, vis: Path, fused: list[tuple[str, Path]]) -> list[Job]:
    """Pair sources and fused images by name.

    Raises:
        ValueError: If a method is named twice or any image lacks its partner.
    """
    if len(dict(fused)) < len(fused):
        raise ValueError("--fused names a method twice: " + ", ".join(name for name, _ in fused))
    vis_images = index_images(vis, "--vis")
    ir_images = match_images(ir, "--ir", vis_images)
    results = {name: match_images(path, f"--fused {name}", vis_images) for name, path in fused}
    return [
        Job(image, ir_images[image], path, {name: found[image] for name, found in results.items()})
        for image, path in vis_images.items()
    ]


def score_image(job: Job) -> tuple[list[Row], list[str]]:
    """Return one image's scores, a row per method, and what went wrong, a message per failure."""
    rows: list[Row] = []
    try:
        sources = {path: read_luma(path) for path in (job.ir, job.vis)}
        check_same_size(sources)
    except (OSError, ValueError) as error:
        return rows, [str(error)]
    errors: list[str] = []
    for method, path in job.fused.items():
        try:
            fused = read_luma(path)
            check_same_size({job.vis: sources[job.vis], path: fused})
            lumas = [sources[job.ir], sources[job.vis]]
            values = [metric.function(lumas, fused) for metric in METRICS.values()]
        except (OSError, ValueError) as error:
            errors.append(f"{method}, {job.image}: {error}")
        else:
            rows.append(Row(method, job.image, values))
    return rows, errors


def score_all(jobs: list[Job], workers: int) -> Iterator[tuple[list[Row], list[str]]]:
    """Yield `score_image` of each job in order, computed by up to `workers` processes."""
    workers = min(workers, len(jobs))
    if workers == 1:
        yield from map(score_image, jobs)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(score_image, jobs)


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write the scores under a temporary name, then move them into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "image", *METRICS])
        writer.writerows([row.method, row.image, *(f"{v:.6f}" for v in row.values)] for row in rows)
    temporary.replace(path)


def format_means(rows: list[Row]) -> str:
    """Return a table of each method's mean scores, with arrows towards the better."""
    by_method: dict[str, list[list[float]]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row.values)
    labels = [f"{m.label} {'↑' if m.higher_is_better else '↓'}" for m in METRICS.values()]
    table = [["method", "images", *labels]]
    for method, values in by_method.items():
        means = (f"{mean:.4f}" for mean in np.mean(values, axis=0))
        table.append([method, str(len(values)), *means])
    name_width, *widths = (max(map(len, column)) for column in zip(*table, strict=True))
    return "\n".join(
        "  ".join([name.ljust(name_width), *map(str.rjust, cells, widths)])
        for name, *cells in table
    )


def main(args: argparse.Namespace) -> int:
    """Score, write and print; return the exit status."""
    try:
        if args.output.exists() and not args.overwrite:
            raise ValueError(f"{args.output} exists; replace it with --overwrite")
        jobs = find_jobs(args.ir, args.vis, args.fused)
        results = list(tqdm(score_all(jobs, args.workers), total=len(jobs), unit="image"))
        errors = [error for _, messages in results for error in messages]
        if errors:
            raise ValueError("\n".join([*errors, f"{args.output} not written"]))
        methods = [name for name, _ in args.fused]
        rows = [row for found, _ in results for row in found]
        rows.sort(key=lambda row: methods.index(row.method))
        write_csv(args.output, rows)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # the arrows, whatever the locale
    print(format_means(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(build_parser().parse_args()))
