"""Score fused images against their sources and write one row per image and method as CSV."""

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from benchmark.focus_sets import find_scenes
from benchmark.image_files import index_images, match_images, scene_name
from benchmark.metrics import COLUMNS, CONVENTIONS
from benchmark.output_paths import check_no_input, check_writable
from benchmark.score_table import format_means, write_csv
from benchmark.scoring import PRECISIONS, Job, Scorer, find_device, score_all
from benchmark.shard import shard


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Score fused images against their sources: infrared and visible pairs with "
        "--ir and --vis, or scenes of two or more exposures or multi-focus images with --scenes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,  # no "(default: None)" beside required flags
    )
    parser.add_argument("--ir", type=Path, help="infrared images, folder or file")
    parser.add_argument("--vis", type=Path, help="visible images, folder or file")
    parser.add_argument(
        "--scenes",
        type=Path,
        metavar="DIR",
        help="scenes of two or more exposures or multi-focus images, DIR/<scene>/*, or multi-focus "
        "pairs DIR/near/* and DIR/far/*",
    )
    parser.add_argument(
        "--fused",
        type=named_path,
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME=DIR",
        help="name of a method and its fused images, folder or file; may be repeated",
    )
    add_scoring_flags(parser)
    parser.add_argument(
        "--device",
        default="cpu",
        help="score on cpu, cuda, cuda:N, or auto: on a GPU if there is one",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float64",
        help="number format of the metrics; float32 is faster on a GPU and less exact",
    )
    parser.add_argument(
        "--batch",
        type=natural,
        default=1,
        metavar="N",
        help="score up to N results of one size together",
    )
    parser.add_argument(
        "--keep_going",
        action="store_true",
        default=False,
        help="write the table without the images that cannot be scored, and exit with 1",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="score part I of N, counted from 1, by name, and write it to OUTPUT-I-of-N.csv for "
        "benchmark.merge; env takes both numbers from the variables of SLURM arrays, torchrun "
        "(RANK) or Kubernetes (JOB_COMPLETION_INDEX)",
    )
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    parser.add_argument(
        "--overwrite", action="store_true", default=False, help="replace an existing --output"
    )
    return parser


def add_scoring_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the metrics and the number of processes."""
    parser.add_argument(
        "--convention",
        choices=CONVENTIONS,
        default="standard",
        help="; ".join(f"{name}: {c.description}" for name, c in CONVENTIONS.items()),
    )
    parser.add_argument(
        "--metrics",
        choices=COLUMNS,
        nargs="+",
        action="extend",
        metavar="METRIC",
        help=f"compute these columns, of {' '.join(COLUMNS)} (default: the columns of the tables "
        "of this convention; for standard all, or MFIFB's for multi-focus images)",
    )
    parser.add_argument(
        "--workers",
        type=natural,
        default=os.cpu_count() or 1,
        help="worker processes, or with a GPU threads that read images",
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line. `args.scenes` is None for pairs, `args.metrics` for the default.

    With a shard, `args.output` is what its table is called.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    pair = [flag for flag in ("--ir", "--vis") if flag[2:] in args]
    args.scenes = getattr(args, "scenes", None)
    args.shard = getattr(args, "shard", None)
    if args.shard:
        args.output = args.shard.name(args.output)
    if args.scenes is None and len(pair) < 2:
        parser.error("give the sources with --ir and --vis, or with --scenes")
    if args.scenes is not None and pair:
        parser.error(f"--scenes cannot be combined with {' and '.join(pair)}")
    check_metrics(parser, args)
    return args


def check_metrics(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Drop repeated names from `args.metrics`; exit if the convention lacks one. None: default."""
    args.metrics = list(dict.fromkeys(getattr(args, "metrics", None) or [])) or None
    known = CONVENTIONS[args.convention].functions
    if unknown := [name for name in args.metrics or [] if name not in known]:
        parser.error(
            f"--convention {args.convention} has no {', '.join(unknown)} (--metrics); "
            f"it has {', '.join(known)}"
        )


def named_path(text: str) -> tuple[str, Path]:
    """Parse NAME=PATH."""
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"expected NAME=DIR, found {text!r}")
    return name, Path(path)


def natural(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def find_jobs(args: argparse.Namespace) -> tuple[str, list[Job]]:
    """Find sources and fused images, match them by name, and return their kind and the jobs.

    Raises:
        ValueError: If a method is named twice, an image lacks its partner or is its own partner,
            or a scene has fewer than two exposures.
    """
    names = [name for name, _ in args.fused]
    if len(set(names)) < len(names):
        raise ValueError("--fused names a method twice: " + ", ".join(names))
    kind = "pairs"
    if args.scenes is None:
        vis = index_images(args.vis, "--vis")
        ir = match_images(args.ir, "--ir", vis)
        sources = {image: [ir[image], path] for image, path in vis.items()}
        files = {os.path.realpath(path) for path in ir.values()}
        if twice := [path for path in vis.values() if os.path.realpath(path) in files]:
            raise ValueError(f"{twice[0]} is given with --ir and with --vis")
        match, flags = match_images, "--ir, --vis"
    else:
        kind, sources = find_scenes(args.scenes, "--scenes")
        match, flags = partial(match_images, named_by="--scenes", name_of=scene_name), "--scenes"
    results = {
        name: match(path, f"--fused {name}", sources, all_needed=not args.keep_going)
        for name, path in args.fused
    }

    def result(name: str, folder: Path, image: str) -> Path:
        return results[name].get(image, folder / f"{image}.png")  # which cannot be read

    return kind, [
        Job(image, paths, flags, {name: result(name, path, image) for name, path in args.fused})
        for image, paths in sources.items()
    ]


def choose_metrics(args: argparse.Namespace, jobs: list[Job], kind: str) -> list[str]:
    """Return the metrics to compute: `args.metrics`, or the convention's columns for this kind.

    Raises:
        ValueError: If `args.metrics` has a metric of two sources and a scene has more.
    """
    more = [job for job in jobs if len(job.sources) != 2]
    wanted = args.metrics or CONVENTIONS[args.convention].columns(kind)
    of_two = [name for name in wanted if more and COLUMNS[name].compares == "pair"]
    if args.metrics and of_two:
        raise ValueError(
            f"{', '.join(of_two)} (--metrics) compare a result with two sources; scene "
            f"{more[0].image} ({more[0].flags}) has {len(more[0].sources)}"
        )
    return [name for name in wanted if name not in of_two]


def main(args: argparse.Namespace) -> int:
    """Score, write and print. Return the exit status."""
    try:
        check_writable(args.output, "file")
        if (args.output.exists() or args.output.is_symlink()) and not args.overwrite:
            raise ValueError(f"{args.output} exists; replace it with --overwrite")
        kind, jobs = find_jobs(args)
        images = (path for job in jobs for path in [*job.sources, *job.fused.values()])
        check_no_input([args.output], images)
        metrics = choose_metrics(args, jobs, kind)  # of all shards alike
        if args.shard:
            share = set(args.shard.take(job.image for job in jobs))
            jobs = [job for job in jobs if job.image in share]
        scorer = Scorer(
            args.convention, metrics, find_device(args.device), args.precision, args.batch
        )
        scores = score_all(jobs, scorer, args.workers)
        results = list(tqdm(scores, total=len(jobs), unit="image"))
        failures = [str(failure) for _, found in results for failure in found]
        methods = [name for name, _ in args.fused]
        rows = [row for found, _ in results for row in found]
        rows.sort(key=lambda row: methods.index(row.method))
        if failures and not (args.keep_going and rows):
            raise ValueError("\n".join([*failures, f"{args.output} not written"]))
        write_csv(args.output, metrics, rows)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # for the arrows, whatever the locale is
    description = CONVENTIONS[args.convention].description
    print(f"convention {args.convention}: {description}")
    print(f"{len(jobs)} images, mean ± standard deviation")
    print(format_means(metrics, rows))
    if failures:
        counts = Counter(row.method for row in rows)
        scored = ", ".join(f"{name} {counts[name]}" for name in methods)
        print(f"images that were scored, of {len(jobs)}: {scored}")
        print("error: not scored:", *failures, sep="\n", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(parse_args()))
