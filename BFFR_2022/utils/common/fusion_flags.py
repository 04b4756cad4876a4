# From common_code/base/utils/common/fusion_flags.py; edit it there, then tools/sync.py.
"""The flags that `run_fusion.py` of every method has."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from utils.common.flags import BooleanFlag, FlagParser, natural_int, positive_int
from utils.common.shard import shard
from utils.common.video_paths import add_video_flags

if TYPE_CHECKING:
    from utils.common.tiled_fusion import FusionOptions


def add_fusion_flags(parser: FlagParser) -> None:
    """Add the flags of every method; those of its kinds of sources are added beside them."""
    files = parser.add_flag_group("files")
    files.add_argument(
        "--images",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="two or more registered images of any kind, as many folders of them, or videos",
    )
    files.add_argument(
        "--output", type=Path, help="write to this image or video, or to this folder as <stem>.png"
    )
    files.add_argument("--overwrite", action="store_true", help="replace existing results")
    files.add_argument(
        "--allow_unmatched",
        action="store_true",
        help="skip images without a partner instead of failing",
    )
    files.add_argument(
        "--weights",
        type=Path,
        help="weights, a checkpoint or a folder with model.safetensors, instead of weights/",
    )
    files.add_argument(
        "--verbose", action="store_true", help="print a line for every result and every warning"
    )
    add_job_flags(parser)
    values = parser.add_flag_group("values")
    values.add_argument(
        "--color",
        action=BooleanFlag,
        opposite="--gray",
        default=True,
        help="keep the color of the sources, or fuse luma only",
    )
    values.add_argument(
        "--stretch",
        choices=("none", "minmax", "max"),
        default="none",
        help="clip the result, or stretch it to the full range as the authors' programs did: from "
        "its least to its greatest value, or from 0 to its greatest value",
    )
    add_video_flags(parser)
    compute = parser.add_flag_group("computing", rare=True)
    compute.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    compute.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "auto"),
        default="float32",
        help="bfloat16 is faster where the device has it and differs by a few gray levels; auto "
        "takes the faster one by a short trial",
    )
    compute.add_argument(
        "--tile",
        type=natural_int,
        help="side of the tiles in pixels, 0 for the whole image at once; by default a side that "
        "is fast on the device",
    )


def add_job_flags(parser: FlagParser) -> None:
    """Add the flags for many results: lists, going on, and shares of several machines."""
    group = parser.add_flag_group("many results", rare=True)
    group.add_argument(
        "--pairs",
        type=Path,
        nargs="+",
        metavar="CSV",
        help="fuse what these lists name, in columns called as the flags of the sources, relative "
        "to the list's folder; a column output names results",
    )
    group.add_argument(
        "--skip_existing",
        action="store_true",
        help="leave results that exist alone, to go on where a run was stopped",
    )
    group.add_argument(
        "--max_failures",
        type=positive_int,
        metavar="N",
        help="stop when so many results have failed; without it, all others are made",
    )
    group.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="make part I of N, counted from 1, by name; env takes both numbers from the variables "
        "of SLURM arrays, torchrun (RANK) or Kubernetes (JOB_COMPLETION_INDEX)",
    )


def fusion_options(args: argparse.Namespace) -> "FusionOptions":
    """Return what `ImageFusion` of every method takes of the parsed flags."""
    return {
        "device": args.device,
        "tile": args.tile,
        "color": args.color,
        "stretch": args.stretch,
        "precision": args.precision,
    }
