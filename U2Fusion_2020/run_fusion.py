"""Fuse images: `python run_fusion.py --ir a.png --vis b.png --output fused.png`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from utils import HERE
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags, jobs_from_flags, non_empty
from utils.common.image import Array, write_image
from utils.common.pairs import DefaultSet, FusionJob, check_outputs
from utils.common.pipeline import fuse_files
from utils.util_device import resolve_device, set_threads
from utils.util_fusion import ImageFusion, darkest_first, reference_luma
from utils.utils import run_main
from utils.vgg import InformationMeasure, add_vgg_flags

RESULTS = HERE / "fusion_result"
DEMO = HERE.parent / "common_data" / "demo"
DEMO_SETS = {"ir_vis": "pair", "exposures": "exposures"}
USER_SETS = ("Road", "Tno")  # documented folders, fused by default if the user has filled them
TASKS = {"pair": "ivif", "exposures": "mef", "images": "mff"}  # by kind of sources


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(
        description="Fuse registered images with U2Fusion; the demo scenes if none are given."
    )
    add_fusion_flags(parser, "pair", "exposures")
    method = parser.add_argument_group("U2Fusion")
    method.add_argument(
        "--save_reference",
        action="store_true",
        help="also write the sources' mean by information, under the result's name in reference/",
    )
    method.add_argument(
        "--task",
        choices=tuple(TASKS.values()),
        help="whose c it takes; by default that of the sources",
    )
    add_vgg_flags(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> int:
    """Fuse what `args` says and return the exit status."""
    set_threads(args.threads)
    fusion = ImageFusion(args.weights, args.device, args.tile, args.color, args.stretch)
    print(f"{fusion.weights} model loaded ({fusion.form}).")
    print("Loading data...")
    jobs = jobs_from_flags(args, default_sets(), RESULTS)
    save_reference = prepare_references(args, jobs) if args.save_reference else None
    print("Fusing...")
    return fuse_files(fusion, jobs, args, also=save_reference, arrange=arrange)


def default_sets() -> list[DefaultSet]:
    """Return what is fused when no source is named, and where the results go."""
    own = non_empty(HERE / "fusion_test_data" / name for name in USER_SETS)
    sets = [DefaultSet(folder, RESULTS / folder.name, "pair") for folder in own]
    return sets or [DefaultSet(DEMO / name, RESULTS, kind) for name, kind in DEMO_SETS.items()]


def arrange(job: FusionJob, sources: list[Array]) -> list[Array]:
    """Return exposures by brightness, others as they were given."""
    return darkest_first(sources) if job.kind == "exposures" else sources


def prepare_references(
    args: argparse.Namespace, jobs: Sequence[FusionJob]
) -> Callable[[FusionJob, list[Array], Array], None]:
    """Return what writes the weighted mean of a job's sources beside its result."""
    targets = [replace(job, output=reference_path(job)) for job in jobs]
    check_outputs(targets, overwrite=args.overwrite or args.output is None)
    measure = InformationMeasure.load(args.vgg_weights, args.vgg_convention)
    print(f"Information by {measure.to(resolve_device(args.device)).name}")

    def save(job: FusionJob, sources: list[Array], _: Array) -> None:
        c = getattr(args, f"c_{args.task or TASKS[job.kind]}")
        path = reference_path(job)
        path.parent.mkdir(exist_ok=True)
        write_image(path, reference_luma(sources, measure, c))

    return save


def reference_path(job: FusionJob) -> Path:
    """Return where the weighted mean of a job's sources goes."""
    return job.output.parent / "reference" / job.output.name


if __name__ == "__main__":
    run_main(main, parse_args())
