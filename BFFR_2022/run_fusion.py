"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, fusion_options
from utils.common.infrared_pairs import PAIRS, add_pair_flags
from utils.common.pairs import DefaultSet, FusionJob, find_jobs
from utils.common.video_paths import is_video
from utils.utils import InputError, run_main

if TYPE_CHECKING:
    from utils.common.sources import Reader
    from utils.common.values import Array
    from utils.util_fusion import ImageFusion
    from utils.util_segment import SegmentationWriter

RESULTS = HERE / "fusion_result"
DEMO = [DefaultSet(PAIRS, HERE / "demo", RESULTS)]


def build_parser() -> FlagParser:
    """Return the parser of the command line."""
    parser = FlagParser(
        description="Fuse registered images with BFFR; without images, those in demo/."
    )
    add_pair_flags(parser)
    add_fusion_flags(parser)
    add_method_flags(parser)
    segmenting = parser.add_flag_group("segmenting")
    segmenting.add_argument(
        "--segment",
        action="store_true",
        help="also segment the results, and draw the classes into segmentation/ beside them",
    )
    segmenting.add_argument(
        "--segmenter",
        type=Path,
        metavar="WEIGHTS",
        help="segment with these weights instead of this repository's",
    )
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def add_method_flags(parser: FlagParser) -> None:
    """Add the flags of the fuser."""
    method = parser.add_flag_group("BFFR")
    method.add_argument(
        "--authors_quirks",
        action="store_true",
        help="treat B, G, R as R, G, B, and segment values in [0, 1], for the official bffr.pth",
    )


def main(args: argparse.Namespace) -> int:
    """Fuse the images that `args` names and return the exit status."""
    if args.segmenter and not args.segment:
        raise InputError("--segmenter needs --segment")
    if args.segment and (args.skip_existing or args.shard):
        raise InputError(
            "--segment counts the classes of all results in one table; leave --skip_existing and "
            "--shard out"
        )
    jobs = find_jobs(args, [PAIRS], [], DEMO, RESULTS)
    if args.segment and any(is_video(job.sources[0]) for job in jobs):
        raise InputError("--segment draws classes of images; leave it out for videos")

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.pipeline import fuse_files

    fusion, readers = load_fusion(args, jobs)
    print(f"{fusion.weights} model loaded ({fusion.form}).\nLoading data...")
    if not args.segment:
        print("Fusing...")
        return fuse_files(fusion, jobs, args, readers)
    draw, writer = prepare_segmentation(args, jobs)
    print("Fusing...")
    status = fuse_files(fusion, jobs, args, readers, also=draw)
    writer.close()
    return status


def load_fusion(
    args: argparse.Namespace, jobs: Sequence[FusionJob] = ()
) -> tuple["ImageFusion", dict[str, "Reader"]]:
    """Return the method with its settings, and what reads the sources of each kind of job."""
    from utils.common.registered_pairs import pair_reader
    from utils.util_fusion import ImageFusion

    fusion = ImageFusion(
        args.weights,
        authors_quirks=args.authors_quirks,
        **fusion_options(args),
    )
    return fusion, {"pair": pair_reader(args, jobs)}


def prepare_segmentation(
    args: argparse.Namespace, jobs: Sequence[FusionJob]
) -> tuple[Callable[[FusionJob, list["Array"], "Array"], None], "SegmentationWriter"]:
    """Return a function that draws the classes in a job's result, and the writer that it uses.

    Raises:
        InputError: the pictures exist already, or mmsegmentation is missing.
    """
    from utils.util_segment import SegmentationWriter, Segmenter, segmentation_paths

    folder = jobs[0].output.parent / "segmentation"
    stems = [job.output.stem for job in jobs]
    if len(set(stems)) < len(stems):
        raise InputError("--segment draws into one folder, and two results have the same name")
    paths = segmentation_paths(folder, stems)
    taken = [path for path in paths if path.exists()]
    if taken and args.output is not None and not args.overwrite:
        raise InputError(f"{taken[0]} exists; --overwrite replaces it")
    segmenter = Segmenter(
        weights=args.segmenter, device=args.device, authors_quirks=args.authors_quirks
    )
    print(f"{segmenter.weights} segmenter loaded.")
    writer = SegmentationWriter(folder)

    def draw(job: FusionJob, _: list["Array"], fused: "Array") -> None:
        writer.write(job.output.stem, fused, segmenter.segment(fused))

    return draw, writer


if __name__ == "__main__":
    run_main(main, parse_args())
