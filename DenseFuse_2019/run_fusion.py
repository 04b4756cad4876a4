"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Sequence

from models.fusion_strategy import STRATEGIES
from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, jobs_from_flags, non_empty
from utils.common.pairs import DefaultSet
from utils.common.pipeline import fuse_files
from utils.util_device import set_threads
from utils.util_fusion import MODE_CHANNELS, ImageFusion
from utils.utils import run_main

RESULTS = HERE / "data_result"
DEMO = HERE.parent / "common_data" / "demo" / "ir_vis"
USER_SETS = {  # documented folders, fused by default if the user has filled them
    HERE / "data_test" / "Road": RESULTS / "Road_fusion",
    HERE / "data_test" / "Tno": RESULTS / "TNO_fusion",
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(
        description="Fuse registered images with DenseFuse; the demo pairs if none are given."
    )
    add_fusion_flags(parser, "pair")
    method = parser.add_argument_group("DenseFuse")
    method.add_argument(
        "--strategy",
        choices=tuple(STRATEGIES),
        default="addition",
        help="how features are fused: addition or l1 (Sec. III-B), or max, not in the paper",
    )
    method.add_argument(
        "--rgb_mode",
        choices=tuple(MODE_CHANNELS),
        default="luma",
        help="fuse luma and keep the chroma, or fuse R, G and B with the RGB network",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` says and return the exit status."""
    set_threads(args.threads)
    fusion = ImageFusion(
        args.weights,
        args.strategy,
        args.rgb_mode,
        args.device,
        args.tile,
        args.color,
        args.stretch,
    )
    print(f"{fusion.weights} model loaded ({fusion.form}).")
    print("Loading data...")
    sets = [DefaultSet(folder, USER_SETS[folder], "pair") for folder in non_empty(USER_SETS)]
    demo = DefaultSet(DEMO, RESULTS / "pair", "pair")
    jobs = jobs_from_flags(args, sets or [demo], RESULTS / "pair")
    print("Fusing...")
    return fuse_files(fusion, jobs, args)


if __name__ == "__main__":
    run_main(main, parse_args())
