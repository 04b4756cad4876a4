"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, fusion_options
from utils.common.infrared_pairs import PAIRS, add_pair_flags
from utils.common.pairs import DefaultSet, FusionJob, find_jobs
from utils.utils import run_main

if TYPE_CHECKING:
    from utils.common.sources import Reader
    from utils.util_fusion import ImageFusion

RESULTS = HERE / "fusion_result"
OWN = [  # fused if no source is named and the user has put images there
    DefaultSet(PAIRS, HERE / "fusion_test_data" / name, RESULTS / name) for name in ("Road", "Tno")
]
DEMO = [DefaultSet(PAIRS, HERE / "demo", RESULTS)]


def build_parser() -> FlagParser:
    """Return the parser of the command line."""
    parser = FlagParser(
        description="Fuse registered images with NestFuse; the demo pairs if none are given."
    )
    add_pair_flags(parser)
    add_fusion_flags(parser)
    add_method_flags(parser)
    return parser


def add_method_flags(parser: FlagParser) -> None:
    """Add the flags that NestFuse alone has."""
    method = parser.add_flag_group("NestFuse")
    method.add_argument(
        "--spatial",
        choices=("mean", "sum"),
        default="mean",
        help="activity at a pixel: mean or sum over the channels (Eq. 4)",
    )
    method.add_argument(
        "--channel",
        choices=("avg", "max", "nuclear"),
        default="avg",
        help="pooling of each channel's map (Eq. 6)",
    )
    method.add_argument(
        "--attention",
        choices=("both", "spatial", "channel"),
        default="both",
        help="mean of spatial and channel attention (Eq. 8), or one of them alone",
    )
    method.add_argument(
        "--rgb_mode",
        choices=("luma", "channels"),
        default="luma",
        help="fuse luma and keep the chroma, or fuse R, G and B with an RGB network",
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` names and return the exit status."""
    jobs = find_jobs(args, [PAIRS], OWN, DEMO, RESULTS)

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.pipeline import fuse_files

    fusion, readers = load_fusion(args, jobs)
    print(f"{fusion.weights} model loaded ({fusion.form}).\nLoading data...\nFusing...")
    return fuse_files(fusion, jobs, args, readers)


def load_fusion(
    args: argparse.Namespace, jobs: Sequence[FusionJob] = ()
) -> tuple["ImageFusion", dict[str, "Reader"]]:
    """Return the method with its settings, and what reads the sources of each kind of job."""
    from utils.common.registered_pairs import pair_reader
    from utils.util_fusion import ImageFusion

    fusion = ImageFusion(
        args.weights,
        spatial=args.spatial,
        channel=args.channel,
        attention=args.attention,
        rgb_mode=args.rgb_mode,
        **fusion_options(args),
    )
    return fusion, {"pair": pair_reader(args, jobs)}


if __name__ == "__main__":
    run_main(main, parse_args())
