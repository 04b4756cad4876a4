"""Measure what `--precision bfloat16` changes and gains: gray levels and time, method by method.

Where a device only emulates bfloat16, fusing with it is slow and refused by the methods; the
differences are measured all the same, the times are not.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmark import ROOT
from benchmark.environment import command_line, describe_machine, resolve_device, versions
from benchmark.evaluate import natural
from benchmark.image_files import read_channels
from benchmark.image_sets import ImageSet, find_set
from benchmark.methods import method_folders

TIMED = (640, 480)  # width and height, pixels
PRECISIONS = ("float32", "bfloat16")
MIN_SECONDS = 0.5  # of fusing in one turn
HEAD = (
    "| method | float32, seconds | bfloat16, seconds | ratio | mean difference, gray levels | "
    "largest |\n|---|---|---|---|---|---|"
)
Sources = Sequence[NDArray[Any]]


class Difference(NamedTuple):
    """Of the fused pixels of all scenes, before rounding, in gray levels of 255."""

    mean: float
    largest: float


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.half_precision",
        description="Print a Markdown table of bfloat16 beside float32 for every method.",
    )
    names = [folder.name for folder in method_folders()]
    parser.add_argument("--methods", choices=names, nargs="+", default=names, metavar="METHOD")
    parser.add_argument("--data", required=True, help="set of common_data, or a folder like it")
    parser.add_argument("--first", type=natural, help="fuse at most this many scenes, by name")
    parser.add_argument("--rounds", type=natural, default=5, help="turns of the two precisions")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return parser


def read_scenes(images: ImageSet) -> list[Sources]:
    """Return the two first sources of each scene in [0, 1], visible before infrared."""
    scenes: list[Sources] = []
    for files in images.scenes.values():
        channels = [np.moveaxis(read_channels(file), 0, 2) / 255 for file in files[:2]]
        sources = [np.ascontiguousarray(x, dtype=np.float32).squeeze() for x in channels]
        scenes.append(sources[::-1] if images.kind == "pairs" else sources)
    return scenes


def difference(fusion: Any, scenes: Sequence[Sources]) -> Difference:
    """Return how far bfloat16 is from float32."""
    total, count, largest = 0.0, 0, 0.0
    for sources in scenes:
        exact, half = (fuse(fusion, sources, name) for name in PRECISIONS)
        gap = 255 * np.abs(exact - half)
        total, count, largest = total + gap.sum(), count + gap.size, max(largest, gap.max())
    return Difference(total / count, largest)


def fuse(fusion: Any, sources: Sources, precision: str) -> NDArray[Any]:
    """Fuse in a precision, also where it is only emulated."""
    fusion.precision = precision
    return fusion.fuse(sources)


def seconds(fusion: Any, sources: Sources, precision: str) -> float:
    """Return the mean time of fusing one pair, of as many as take `MIN_SECONDS`."""
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < MIN_SECONDS:
        fuse(fusion, sources, precision)  # arrays: the result is on the host when it returns
        count += 1
    return passed / count


def times(fusion: Any, sources: Sources, rounds: int) -> str:
    """Return the columns of times: medians, and the median ratio, of turns of both precisions."""
    for precision in PRECISIONS:  # warm up
        fuse(fusion, sources, precision)
    turns = [[seconds(fusion, sources, p) for p in PRECISIONS] for _ in range(rounds)]
    exact, half = (statistics.median(column) for column in zip(*turns, strict=True))
    return f"{exact:.3f} | {half:.3f} | {statistics.median(a / b for a, b in turns):.2f}"


def measure(name: str, scenes: Sequence[Sources], device: str, rounds: int) -> str:
    """Return a method's row of the table."""
    entry = name.rpartition("_")[0].lower()
    try:
        fusion = torch.hub.load(ROOT, entry, source="local", device=device, precision="bfloat16")
        timed = [cv2.resize(source, TIMED) for source in scenes[0]]
        found = times(fusion, timed, rounds)
    except ValueError:  # this device only emulates it
        fusion = torch.hub.load(ROOT, entry, source="local", device=device)
        found = "- | emulated | -"
    gap = difference(fusion, scenes)
    return f"| {name} | {found} | {gap.mean:.2f} | {gap.largest:.1f} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and return the exit status."""
    args = build_parser().parse_args(argv)
    device = resolve_device(args.device)
    try:
        scenes = read_scenes(find_set(args.data, first=args.first))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"`{command_line('benchmark.half_precision', sys.argv[1:] if argv is None else argv)}`\n")
    print(f"{describe_machine(device)}, {versions()}, {torch.get_num_threads()} threads")
    print(f"{len(scenes)} scenes; times at {TIMED[0]}x{TIMED[1]}\n\n{HEAD}")
    for name in args.methods:
        print(measure(name, scenes, device, args.rounds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
