"""Fuse exposures: `python run_fusion.py --under a.png --over b.png --output fused.png`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, jobs_from_flags, non_empty
from utils.common.image import Array, write_image
from utils.common.pairs import DefaultSet, FusionJob, check_outputs
from utils.common.pipeline import fuse_files
from utils.util_device import set_threads
from utils.util_fusion import ImageFusion, desired_luma
from utils.utils import run_main

RESULTS = HERE / "data_result"
DEMO = HERE.parent / "common_data" / "demo" / "exposures"
USER_SET = HERE / "data_test"  # the documented folder, fused by default if the user has filled it


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(
        description="Fuse registered exposures with DeepFuse; the demo scenes if none are given."
    )
    add_fusion_flags(parser, "exposures")
    parser.add_argument_group("DeepFuse").add_argument(
        "--save_desired",
        action="store_true",
        help="also write the image that the loss asks for, under the result's name in desired/",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` says and return the exit status."""
    set_threads(args.threads)
    fusion = ImageFusion(args.weights, args.device, args.tile, args.color, args.stretch)
    print(f"{fusion.weights} model loaded ({fusion.form}).")
    print("Loading data...")
    [scenes] = non_empty([USER_SET]) or [DEMO]
    default = DefaultSet(scenes, RESULTS / "pair", "exposures")
    jobs = jobs_from_flags(args, [default], RESULTS / "pair")
    if args.save_desired:
        desired = [replace(job, output=desired_path(job)) for job in jobs]
        check_outputs(desired, overwrite=args.overwrite or args.output is None)
    print("Fusing...")
    return fuse_files(fusion, jobs, args, also=save_desired if args.save_desired else None)


def desired_path(job: FusionJob) -> Path:
    """Return where the image goes that the loss asks for."""
    return job.output.parent / "desired" / job.output.name


def save_desired(job: FusionJob, sources: list[Array], _: Array) -> None:
    """Write the image that the loss asks for, beside the result."""
    path = desired_path(job)
    path.parent.mkdir(exist_ok=True)
    write_image(path, desired_luma(sources))


if __name__ == "__main__":
    run_main(main, parse_args())
