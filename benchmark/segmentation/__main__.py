"""Train one small segmenter per kind of image and seed, and write the table of what they find."""

import argparse
import io
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import torch
from tqdm import tqdm

from benchmark import ROOT
from benchmark.entries import named_folder
from benchmark.environment import (
    command_line,
    describe_machine,
    resolve_device,
    revision,
    versions,
)
from benchmark.evaluate import natural
from benchmark.output_paths import check_writable
from benchmark.segmentation import CLASSES, SEGMENTER
from benchmark.segmentation.iou import Scores, score
from benchmark.segmentation.rows import LabeledSet, find_labeled_set, find_rows
from benchmark.segmentation.table import FILES, write_table
from benchmark.segmentation.trainings import PROTOCOLS, Experiment, Training, plan

SHIPPED = ROOT / SEGMENTER / "weights" / "segmenter" / "model.safetensors"
OURS = f"the segmenter that comes with {SEGMENTER}, which favors the fuser it was trained with"
PACKAGES = ("onedl-mmsegmentation", "onedl-mmcv", "onedl-mmengine")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.segmentation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--data",
        required=True,
        help="name of a set in common_data, or path of a folder with ir/, vis/ and label maps",
    )
    files.add_argument("--labels", default="labels", help="name of the set's folder of label maps")
    files.add_argument(
        "--split",
        nargs=2,
        default=("train", "val"),
        metavar=("TRAIN", "TEST"),
        help="names of the lists to train and to test on",
    )
    files.add_argument(
        "--fused",
        type=named_folder,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FOLDER",
        help="name of a method and its fused images of both lists; may be repeated",
    )
    files.add_argument("--output", type=Path, help="folder (default: benchmark/results/<set>_seg)")
    files.add_argument("--overwrite", action="store_true", help=f"replace {' and '.join(FILES)}")
    _add_settings(parser)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="own",
        help="; ".join(f"{name}: {text}" for name, text in PROTOCOLS.items()),
    )
    group.add_argument(
        "--classes",
        choices=("labeled", "all"),
        default="labeled",
        help="average the classes that the labels of the test have, or all nine",
    )
    group.add_argument("--seeds", type=_whole, nargs="+", default=[0, 1, 2], help="one run each")
    training = parser.add_argument_group("training")
    training.add_argument("--iterations", type=natural, default=120, help="of AdamW")
    training.add_argument("--batch", type=natural, default=4, help="crops in an iteration")
    training.add_argument(
        "--crop",
        type=natural,
        nargs=2,
        default=(120, 160),
        metavar=("HEIGHT", "WIDTH"),
        help="size of training crops, pixels",
    )
    training.add_argument(
        "--lr", type=_positive, default=1e-4, help="learning rate, of the head ten times as much"
    )
    training.add_argument(
        "--warmup", type=_whole, default=10, help="iterations until the learning rate is reached"
    )
    training.add_argument(
        "--pretrained_backbone",
        type=Path,
        default=SHIPPED,
        metavar="FILE",
        help="start from these weights of a SegFormer-B0, its backbone or all of it (default: "
        f"those that come with {SEGMENTER})",
    )
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument("--workers", type=natural, default=1, help="trainings at a time")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, found {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return value


def check_settings(args: argparse.Namespace) -> None:
    """Raise a ValueError if the flags do not fit together, or a file does not exist."""
    if twice := [seed for seed in args.seeds if args.seeds.count(seed) > 1]:
        raise ValueError(f"seed {twice[0]} is given {args.seeds.count(twice[0])} times (--seeds)")
    if args.warmup >= args.iterations:
        raise ValueError(
            f"--warmup {args.warmup} must be below the number of --iterations, {args.iterations}"
        )
    if not args.pretrained_backbone.is_file():
        raise ValueError(f"no such file: {args.pretrained_backbone} (--pretrained_backbone)")
    check_writable(args.output, "folder")
    taken = [args.output / name for name in FILES if (args.output / name).exists()]
    if taken and not args.overwrite:
        raise ValueError(f"{taken[0]} exists; --overwrite replaces it and keeps finished trainings")


def settings_of(args: argparse.Namespace, images: LabeledSet) -> dict[str, Any]:
    """Return what a segmenter is trained with, as `Experiment` takes it."""
    return {
        "size": list(images.size),
        "crop": list(args.crop),
        "batch": args.batch,
        "iterations": args.iterations,
        "warmup": args.warmup,
        "lr": args.lr,
        "device": args.device,
        "pretrained_backbone": str(args.pretrained_backbone.resolve()),
    }


def run_all(experiment: Experiment, trainings: Sequence[Training], workers: int) -> None:
    """Complete all trainings.

    Raises:
        ValueError: One failed; those that have not begun are left out.
    """
    failed = Event()

    def complete(training: Training) -> None:
        if failed.is_set():
            return
        try:
            experiment.complete(training)
        except (OSError, ValueError):
            failed.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(complete, training) for training in trainings]
        for done in tqdm(waiting, unit="training"):
            done.result()


def collect(
    experiment: Experiment, trainings: Sequence[Training], averaged: Sequence[int]
) -> dict[str, dict[int, Scores]]:
    """Return the scores of each row and seed, in the order of the rows."""
    found: dict[str, dict[int, Scores]] = {name: {} for name in experiment.rows}
    for training in trainings:
        for test in training.tests:
            counts = experiment.counts(training, test)
            assert counts is not None
            found[test][training.seed] = score(counts, averaged)
    return found


def describe(args: argparse.Namespace, images: LabeledSet) -> dict[str, str]:
    """Return how the table was made: the heading and the text of each line."""
    train, test = images.train, images.test
    shipped = args.pretrained_backbone.resolve() == SHIPPED
    about = {
        "Command": f"`{args.command}`",
        "Set": f"{test.name}, {args.labels}: trained on the {len(train.scenes)} pairs of "
        f"{train.split}, tested on the {len(test.scenes)} of {test.split}, "
        f"{images.size[0]}x{images.size[1]}",
        "Protocol": f"{args.protocol}: {PROTOCOLS[args.protocol]}",
        "Training": f"SegFormer-B0, from {OURS if shipped else args.pretrained_backbone.name}, "
        f"{args.iterations} iterations of {args.batch} "
        f"crops of {args.crop[0]}x{args.crop[1]}, the last weights are tested",
        "Numbers": "IoU in percent over all pixels of the test, mean ± standard deviation (of a "
        f"sample) over seeds {', '.join(map(str, args.seeds))}",
        "Machine": f"{describe_machine(args.device)}; {args.workers} at a time, threads of each: "
        f"{args.threads}",
        "Versions": versions(more=PACKAGES),
    }
    found = revision(ROOT)
    return about | ({"Revision": found} if found else {})


def main(args: argparse.Namespace) -> int:
    """Train, test and report; return the exit status."""
    try:
        images = find_labeled_set(args.data, args.labels, args.split)
        default = ROOT / "benchmark" / "results" / f"{images.test.name}_seg"
        args.output = args.output or default
        check_settings(args)
        rows = find_rows(images, args.fused, args.output / "images")
        args.device = resolve_device(args.device)
        args.threads = max(1, torch.get_num_threads() // args.workers)
        settings = settings_of(args, images)
        experiment = Experiment(images, rows, settings, args.threads, args.output)
        trainings = plan(args.protocol, rows, args.seeds)
        run_all(experiment, trainings, args.workers)
        averaged = (
            experiment.labeled_classes() if args.classes == "labeled" else range(len(CLASSES))
        )
        results = collect(experiment, trainings, averaged)
        text = write_table(results, averaged, describe(args, images), args.output)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # for the signs, whatever the locale is
    print(text)
    print(" ".join(str(args.output / name) for name in FILES))
    return 0


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line. `args.command` is the command as it was typed."""
    args = build_parser().parse_args(argv)
    args.command = command_line("benchmark.segmentation", sys.argv[1:] if argv is None else argv)
    return args


if __name__ == "__main__":
    sys.exit(main(parse_args()))
