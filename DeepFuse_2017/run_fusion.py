"""Fuse exposures: `python run_fusion.py --under a.png --over b.png --output fused.png`."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import HERE
from utils.common.exposures import EXPOSURES, add_exposure_flags
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, fusion_options
from utils.common.pairs import DefaultSet, FusionJob, find_jobs
from utils.util_levels import add_levels_flag
from utils.utils import run_main

if TYPE_CHECKING:
    from utils.common.sources import Reader
    from utils.util_fusion import ImageFusion

RESULTS = HERE / "data_result" / "pair"
OWN = [DefaultSet(EXPOSURES, HERE / "data_test", RESULTS)]  # fused if it holds files
DEMO = [DefaultSet(EXPOSURES, HERE / "demo", RESULTS)]
RECOMMENDED = {"levels": 3}  # what the web page begins with; the default is the paper's


def build_parser() -> FlagParser:
    """Return the parser of the command line."""
    parser = FlagParser(
        description="Fuse registered exposures with DeepFuse; the demo scenes if none are given."
    )
    add_exposure_flags(parser)
    add_fusion_flags(parser)
    add_levels_flag(parser.add_flag_group("network"))
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` names and return the exit status."""
    jobs = find_jobs(args, [EXPOSURES], OWN, DEMO, RESULTS)

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.pipeline import fuse_files

    fusion, readers = load_fusion(args)
    print(f"{fusion.weights} model loaded ({fusion.form}).\nLoading data...\nFusing...")
    return fuse_files(fusion, jobs, args, readers)


def load_fusion(
    args: argparse.Namespace, jobs: Sequence[FusionJob] = ()
) -> tuple["ImageFusion", dict[str, "Reader"]]:
    """Return the method with its settings, and what reads the sources of each kind of job.

    Nothing is found from the `jobs`, as a rig is for infrared images by other methods.
    """
    from utils.common.read_exposures import read_exposures
    from utils.util_fusion import ImageFusion

    fusion = ImageFusion(
        args.weights,
        levels=args.levels,
        **fusion_options(args),
    )
    return fusion, {"exposures": read_exposures, "images": read_exposures}


if __name__ == "__main__":
    run_main(main, parse_args())
