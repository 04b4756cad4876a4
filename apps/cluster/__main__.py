"""Fuse many pairs: `python apps/cluster/fuse.py --method densefuse --vis DIR --ir DIR ...`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from apps.cluster.addresses import UsageError
from apps.cluster.method import METHODS, Method
from apps.cluster.run import run


def at_least(least: int) -> Callable[[str], int]:
    """Return an argparse type: whole numbers from one on."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: say a whole number of at least {least}")
        return int(text)

    return parse


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags that are not those of `run_fusion.py`."""
    parser = argparse.ArgumentParser(
        prog="fuse.py",
        description="Fuse many pairs on this machine or on a Ray cluster. Results that exist are "
        "left alone, so that the same command goes on where it was stopped.",
        epilog="All other flags are those of the method's run_fusion.py, such as --vis, --ir, "
        "--pairs, --output, --overwrite, --shard and --ir_range; sources and --output may be "
        "addresses as s3://bucket/folder.",
        allow_abbrev=False,
    )
    parser.add_argument("--method", choices=METHODS, required=True, help="which one fuses")
    parser.add_argument(
        "--address",
        default=os.environ.get("RAY_ADDRESS", "local"),
        help="local for this machine alone, auto for the cluster that it belongs to, or HOST:PORT; "
        "by default what the environment variable RAY_ADDRESS says, or local",
    )
    parser.add_argument("--num_cpus", type=at_least(1), help="use at most so many processors")
    parser.add_argument("--num_gpus", type=at_least(0), help="use at most so many GPUs")
    parser.add_argument(
        "--in_flight",
        type=at_least(1),
        help="pairs that a process reads, fuses and writes at a time; 3, or 8 with a GPU, if not "
        "given",
    )
    parser.add_argument(
        "--score", action="store_true", help="score the results with benchmark, into scores.csv"
    )
    parser.add_argument(
        "--convention",
        default="standard",
        help="of the scores, as in benchmark.evaluate (default: standard)",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="compute these scores only; by default those of the convention",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Fuse and return the exit status."""
    args, words = build_parser().parse_known_args(argv)
    method = Method(args.method)
    try:
        return run(method, args, method.parse(words))
    except (UsageError, *method.errors) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
