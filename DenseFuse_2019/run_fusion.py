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

RESULTS = HERE / "data_result"
OWN = [  # fused if no source is named and the user has put images there
    DefaultSet(PAIRS, HERE / "data_test" / "Road", RESULTS / "Road_fusion"),
    DefaultSet(PAIRS, HERE / "data_test" / "Tno", RESULTS / "TNO_fusion"),
]
DEMO = [DefaultSet(PAIRS, HERE / "demo", RESULTS / "pair")]


def build_parser() -> FlagParser:
    """Return the parser of the command line."""
    parser = FlagParser(
        description="Fuse registered images with DenseFuse; the demo pair if none are given."
    )
    add_pair_flags(parser)
    add_fusion_flags(parser)
    add_method_flags(parser)
    return parser


def add_method_flags(parser: FlagParser) -> None:
    """Add the flags that DenseFuse alone has."""
    method = parser.add_flag_group("DenseFuse")
    method.add_argument(
        "--strategy",
        choices=("addition", "l1", "max"),
        default="addition",
        help="how features are fused: addition or l1 (Sec. III-B), or max, not in the paper",
    )
    method.add_argument(
        "--rgb_mode",
        choices=("luma", "channels"),
        default="luma",
        help="fuse luma and keep the chroma, or fuse R, G and B with the RGB network",
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` names and return the exit status."""
    jobs = find_jobs(args, [PAIRS], OWN, DEMO, RESULTS / "pair")

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
        strategy=args.strategy,
        rgb_mode=args.rgb_mode,
        **fusion_options(args),
    )
    return fusion, {"pair": pair_reader(args, jobs)}


if __name__ == "__main__":
    run_main(main, parse_args())
