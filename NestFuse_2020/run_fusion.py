"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Sequence

from models.fusion_strategy import ATTENTION, CHANNEL, SPATIAL
from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, jobs_from_flags, non_empty
from utils.common.pairs import DefaultSet
from utils.common.pipeline import fuse_files
from utils.util_device import set_threads
from utils.util_fusion import MODE_CHANNELS, ImageFusion
from utils.utils import run_main

RESULTS = HERE / "fusion_result"
DEMO = HERE.parent / "common_data" / "demo" / "ir_vis"
USER_SETS = ("Road", "Tno")  # documented folders, fused by default if the user has filled them


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(
        description="Fuse registered images with NestFuse; the demo pairs if none are given."
    )
    add_fusion_flags(parser, "pair")
    method = parser.add_argument_group("NestFuse")
    method.add_argument(
        "--spatial", choices=SPATIAL, default="mean", help="activity over channels (Eq. 4)"
    )
    method.add_argument(
        "--channel", choices=CHANNEL, default="avg", help="pooling of a channel's map (Eq. 6)"
    )
    method.add_argument(
        "--attention", choices=ATTENTION, default="both", help="their mean (Eq. 8), or one alone"
    )
    method.add_argument(
        "--rgb_mode",
        choices=tuple(MODE_CHANNELS),
        default="luma",
        help="fuse luma and keep the chroma, or fuse R, G and B with an RGB network",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` says and return the exit status."""
    set_threads(args.threads)
    fusion = ImageFusion(
        args.weights,
        args.spatial,
        args.channel,
        args.attention,
        args.rgb_mode,
        args.device,
        args.tile,
        args.color,
        args.stretch,
    )
    print(f"{fusion.weights} model loaded ({fusion.form}).")
    print("Loading data...")
    own = non_empty(HERE / "fusion_test_data" / name for name in USER_SETS)
    sets = [DefaultSet(folder, RESULTS / folder.name, "pair") for folder in own]
    jobs = jobs_from_flags(args, sets or [DefaultSet(DEMO, RESULTS, "pair")], RESULTS)
    print("Fusing...")
    return fuse_files(fusion, jobs, args)


if __name__ == "__main__":
    run_main(main, parse_args())
