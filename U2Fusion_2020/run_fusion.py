"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import HERE
from utils.common.exposures import EXPOSURES, add_exposure_flags
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, fusion_options
from utils.common.infrared_pairs import PAIRS, add_pair_flags
from utils.common.pairs import DefaultSet, FusionJob, find_jobs
from utils.utils import InputError, run_main

if TYPE_CHECKING:
    from utils.common.sources import Reader
    from utils.util_fusion import ImageFusion

RESULTS = HERE / "fusion_result"
OWN = [  # fused if no source is named and the user has put images there
    DefaultSet(PAIRS, HERE / "fusion_test_data" / name, RESULTS / name) for name in ("Road", "Tno")
]
DEMO = [
    DefaultSet(PAIRS, HERE / "demo" / "ir_vis", RESULTS),
    DefaultSet(EXPOSURES, HERE / "demo" / "exposures", RESULTS),
]


def build_parser() -> FlagParser:
    """Return the parser of the command line."""
    parser = FlagParser(
        description="Fuse registered images with U2Fusion; the demo scenes if none are given."
    )
    add_pair_flags(parser)
    add_exposure_flags(parser)
    add_fusion_flags(parser)
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` names and return the exit status."""
    jobs = find_jobs(args, [PAIRS, EXPOSURES], OWN, DEMO, RESULTS)
    if args.align and any(job.kind == "pair" for job in jobs):
        raise InputError(
            "--align shifts exposures of one camera onto each other and leaves ghosts in infrared "
            "and visible images; register these beforehand, and leave --align out"
        )

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.pipeline import fuse_files

    fusion, readers = load_fusion(args, jobs)
    print(f"{fusion.weights} model loaded ({fusion.form}).\nLoading data...\nFusing...")
    return fuse_files(fusion, jobs, args, readers)


def load_fusion(
    args: argparse.Namespace, jobs: Sequence[FusionJob] = ()
) -> tuple["ImageFusion", dict[str, "Reader"]]:
    """Return the method with its settings, and what reads the sources of each kind of job."""
    from utils.common.read_exposures import read_exposures
    from utils.common.registered_pairs import pair_reader
    from utils.util_exposures import read_darkest_first
    from utils.util_fusion import ImageFusion

    fusion = ImageFusion(
        args.weights,
        **fusion_options(args),
    )
    return fusion, {
        "pair": pair_reader(args, jobs),
        "exposures": read_darkest_first,
        "images": read_exposures,
    }


if __name__ == "__main__":
    run_main(main, parse_args())
