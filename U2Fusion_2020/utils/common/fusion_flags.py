# From common_code/base/utils/common/fusion_flags.py; edit it there, then tools/sync.py.
"""The flags of `run_fusion.py`, and the images that they name."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from utils.common.flags import BooleanFlag, FlagParser, natural_int
from utils.common.infrared import ir_range
from utils.common.pairs import (
    PAIR,
    DefaultSet,
    FusionJob,
    check_outputs,
    find_pairs,
    find_scenes,
    pairs_in,
    plan_jobs,
)
from utils.common.tile import TILE
from utils.utils import InputError

COUPLES = {"pair": PAIR, "exposures": ("under", "over")}  # the first decides the depth
SOURCES = ("ir", "vis", "under", "over", "scene_dir", "images")


def add_fusion_flags(
    parser: FlagParser, *kinds: str, default_tile: Mapping[str, int] = TILE
) -> None:
    """Add the flags that every method's `run_fusion.py` has, and those of its kinds of sources.

    Args:
        parser: Where to add them.
        kinds: `pair` (visible and infrared), `exposures`, or both.
        default_tile: Of the method's `TiledFusion`.
    """
    files = parser.add_argument_group("files")
    if "pair" in kinds:
        files.add_argument("--ir", type=Path, help="infrared image or folder")
        files.add_argument("--vis", type=Path, help="visible image or folder")
    if "exposures" in kinds:
        files.add_argument("--under", type=Path, help="under-exposed image or folder")
        files.add_argument("--over", type=Path, help="over-exposed image or folder")
        files.add_argument(
            "--scene_dir", type=Path, help="folder of exposures, or folder of such folders"
        )
    files.add_argument(
        "--images",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="instead: two or more registered images, or as many folders",
    )
    files.add_argument("--output", type=Path, help="image, or folder of <stem>.png")
    files.add_argument("--overwrite", action="store_true", help="replace existing results")
    files.add_argument("--allow_unmatched", action="store_true", help="leave out lonely images")
    files.add_argument("--weights", type=Path, help="weights or checkpoint, instead of our own")
    files.add_argument(
        "--verbose", action="store_true", help="print a line for every result and every warning"
    )
    values = parser.add_argument_group("values")
    if "pair" in kinds:
        _add_pair_values(values)
    if "exposures" in kinds:
        values.add_argument(
            "--align",
            action=BooleanFlag,
            default=False,
            help="shift hand-held exposures onto each other and cut the borders",
        )
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
    compute = parser.add_argument_group("computing")
    compute.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    compute.add_argument(
        "--tile",
        type=natural_int,
        help="side in pixels, 0 for whole images; by default "
        + ", ".join(f"{side} on {name}" for name, side in default_tile.items()),
    )
    compute.add_argument(
        "--threads", type=natural_int, default=0, help="CPU threads, 0 for one a core"
    )


def _add_pair_values(values: argparse._ArgumentGroup) -> None:
    values.add_argument(
        "--ir_range",
        type=ir_range,
        default="full",
        metavar="{full,minmax,percentile,LO:HI}",
        help="which infrared values become 0 to 1",
    )
    values.add_argument(
        "--ir_color",
        choices=("error", "luma"),
        default="error",
        help="what to do with a colored infrared image",
    )
    values.add_argument(
        "--resize", choices=("ir", "vis"), help="bring this source to the size of the other one"
    )


def non_empty(folders: Iterable[Path]) -> list[Path]:
    """Return the folders that contain a file."""
    return [f for f in folders if any(path.is_file() for path in f.rglob("*"))]


def jobs_from_flags(
    args: argparse.Namespace, defaults: Sequence[DefaultSet], default_output: Path
) -> list[FusionJob]:
    """Return what the command line asks for.

    Args:
        args: Parsed `add_fusion_flags`.
        defaults: What is fused without any source; the results there may be rewritten.
        default_output: For sources that come without `--output`.

    Raises:
        InputError: sources that do not fit together, or `--align` for infrared images.
    """
    overwrite = args.overwrite or args.output is None
    names = [n for n in SOURCES if getattr(args, n, None) is not None]
    jobs: list[FusionJob] = []
    if not names:
        for each in defaults:
            if each.kind == "pair":
                found = pairs_in(each.folder, "fused by default", args.allow_unmatched)
            else:
                found = find_scenes(each.folder, "fused by default")
            jobs += plan_jobs(found, args.output or each.output, overwrite, each.kind)
        check_outputs(jobs, overwrite)  # of all of them together
    elif names == ["scene_dir"]:
        found = find_scenes(args.scene_dir)
        jobs = plan_jobs(found, args.output or default_output, overwrite, "exposures")
    else:
        kind, folders, flags = _sources_of(args, names)
        roles = PAIR if kind == "pair" else None
        found = find_pairs(folders, flags, args.allow_unmatched, roles)
        jobs = plan_jobs(found, args.output or default_output, overwrite, kind)
    if getattr(args, "align", False) and any(job.kind == "pair" for job in jobs):
        raise InputError(
            "--align shifts exposures of one camera onto each other and leaves ghosts in infrared "
            "and visible images; register these beforehand, and leave --align out"
        )
    return jobs


def _sources_of(args: argparse.Namespace, names: list[str]) -> tuple[str, list[Path], list[str]]:
    """Return the kind of the sources that flags name, their paths, and the flag of each."""
    if names == ["images"]:
        if len(args.images) < 2:
            raise InputError("--images takes two or more paths")
        return "images", list(args.images), ["--images"] * len(args.images)
    for kind, couple in COUPLES.items():
        if set(names) == set(couple):
            return kind, [getattr(args, n) for n in couple], [f"--{n}" for n in couple]
        if len(names) == 1 and names[0] in couple:
            missing = couple[1 - couple.index(names[0])]
            raise InputError(f"--{missing} is missing; give both --{couple[0]} and --{couple[1]}")
    given = " and ".join(f"--{name}" for name in names)
    raise InputError(f"{given} do not go together; name the sources in one way")
