"""Score fused images against their sources: one row per image and method, as CSV."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from images import (
    check_same_size,
    index_images,
    index_scenes,
    match_images,
    read_luma,
    scene_name,
)
from metrics import METRICS

PAIR_METRICS = [name for name, metric in METRICS.items() if metric.compares != "exposures"]
SCENE_METRICS = [name for name, metric in METRICS.items() if metric.compares != "pair"]


class Job(NamedTuple):
    """One image: its sources, the flags that gave them, and the fused result of each method."""

    image: str
    sources: list[Path]
    flags: str
    fused: dict[str, Path]


class Row(NamedTuple):
    """The scores of one method on one image, one for each metric asked for."""

    method: str
    image: str
    values: list[float]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Score fused images against their sources: infrared and visible pairs with "
        "--ir and --vis, or scenes of two or more exposures with --scenes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,  # no "(default: None)" beside what is required
    )
    parser.add_argument("--ir", type=Path, help="infrared images, folder or file")
    parser.add_argument("--vis", type=Path, help="visible images, folder or file")
    parser.add_argument(
        "--scenes", type=Path, metavar="DIR", help="exposures, DIR/<scene>/*, two or more a scene"
    )
    parser.add_argument(
        "--fused",
        type=_named_path,
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME=DIR",
        help="a method's name and its fused images, folder or file; may be repeated",
    )
    parser.add_argument(
        "--metrics",
        choices=METRICS,
        nargs="+",
        action="extend",
        metavar="METRIC",
        help=f"columns, of {' '.join(METRICS)} (default: {' '.join(PAIR_METRICS)}; "
        f"with --scenes {' '.join(SCENE_METRICS)})",
    )
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument(
        "--overwrite", action="store_true", default=False, help="replace an existing --output"
    )
    parser.add_argument(
        "--workers", type=_positive, default=os.cpu_count() or 1, help="worker processes"
    )
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `args.scenes` is None for pairs, `args.metrics` never is."""
    parser = build_parser()
    args = parser.parse_args(argv)
    pair = [flag for flag in ("--ir", "--vis") if flag[2:] in args]
    args.scenes = getattr(args, "scenes", None)
    if args.scenes is None and len(pair) < 2:
        parser.error("give the sources with --ir and --vis, or with --scenes")
    if args.scenes is not None and pair:
        parser.error(f"--scenes cannot be combined with {' and '.join(pair)}")
    default = PAIR_METRICS if args.scenes is None else SCENE_METRICS
    args.metrics = list(dict.fromkeys(getattr(args, "metrics", default)))
    for_pairs = [name for name in args.metrics if name not in SCENE_METRICS]
    if args.scenes is not None and for_pairs:
        parser.error(
            f"{', '.join(for_pairs)} (--metrics) compare a result with two sources, not with the "
            f"exposures of --scenes; for these there are {', '.join(SCENE_METRICS)}"
        )
    return args


def _named_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"expected NAME=DIR, found {text!r}")
    return name, Path(path)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def find_jobs(args: argparse.Namespace) -> list[Job]:
    """Find sources and fused images and match them by name.

    Raises:
        ValueError: If a method is named twice, any image lacks its partner, or a scene has fewer
            than two exposures.
    """
    names = [name for name, _ in args.fused]
    if len(set(names)) < len(names):
        raise ValueError("--fused names a method twice: " + ", ".join(names))
    if args.scenes is None:
        vis = index_images(args.vis, "--vis")
        ir = match_images(args.ir, "--ir", vis)
        sources = {image: [ir[image], path] for image, path in vis.items()}
        match, flags = match_images, "--ir, --vis"
    else:
        sources = index_scenes(args.scenes, "--scenes")
        match, flags = partial(match_images, named_by="--scenes", name_of=scene_name), "--scenes"
    results = {name: match(path, f"--fused {name}", sources) for name, path in args.fused}
    return [
        Job(image, paths, flags, {name: found[image] for name, found in results.items()})
        for image, paths in sources.items()
    ]


def score_image(job: Job, metrics: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return one image's scores, a row per method, and what went wrong, a message per failure."""
    rows: list[Row] = []
    try:
        sources = {path: read_luma(path) for path in job.sources}
        check_same_size(sources)
    except (OSError, ValueError) as error:
        return rows, [f"{job.image} ({job.flags}): {error}"]
    lumas, source = [sources[path] for path in job.sources], job.sources[-1]
    errors: list[str] = []
    for method, path in job.fused.items():
        try:
            fused = read_luma(path)
            check_same_size({source: sources[source], path: fused})
            values = [METRICS[name].function(lumas, fused) for name in metrics]
        except (OSError, ValueError) as error:
            errors.append(f"{job.image} (--fused {method}): {error}")
        else:
            rows.append(Row(method, job.image, values))
    return rows, errors


def score_all(
    jobs: list[Job], metrics: Sequence[str], workers: int
) -> Iterator[tuple[list[Row], list[str]]]:
    """Yield `score_image` of each job in order, computed by up to `workers` processes."""
    score = partial(score_image, metrics=metrics)
    workers = min(workers, len(jobs))
    if workers == 1:
        yield from map(score, jobs)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(score, jobs)


def write_csv(path: Path, metrics: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the scores under a temporary name, then move them into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "image", *metrics])
        writer.writerows([row.method, row.image, *(f"{v:.6f}" for v in row.values)] for row in rows)
    temporary.replace(path)


def format_means(metrics: Sequence[str], rows: list[Row]) -> str:
    """Return a table of each method's mean scores, with arrows towards the better."""
    by_method: dict[str, list[list[float]]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row.values)
    columns = [METRICS[name] for name in metrics]
    labels = [f"{m.label} {'↑' if m.higher_is_better else '↓'}" for m in columns]
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
        jobs = find_jobs(args)
        scores = score_all(jobs, args.metrics, args.workers)
        results = list(tqdm(scores, total=len(jobs), unit="image"))
        errors = [error for _, messages in results for error in messages]
        if errors:
            raise ValueError("\n".join([*errors, f"{args.output} not written"]))
        methods = [name for name, _ in args.fused]
        rows = [row for found, _ in results for row in found]
        rows.sort(key=lambda row: methods.index(row.method))
        write_csv(args.output, args.metrics, rows)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # the arrows, whatever the locale
    print(format_means(args.metrics, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(parse_args()))
