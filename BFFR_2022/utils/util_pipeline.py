# Identical copy: see check_copies.py; edit the source, run --fix.
"""From files to files: the flags of `run_fusion.py`, and reading and writing beside the fusing."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utils.util_align import align_exposures, misalignment
from utils.util_flags import BooleanFlag, FlagParser, natural_int
from utils.util_image import Array, as_gray, ir_range, read_image, resize_to, scale_ir, write_image
from utils.util_pairs import (
    FusionJob,
    check_outputs,
    find_pairs,
    find_scenes,
    pairs_in,
    plan_jobs,
)
from utils.util_tile import TILE, TiledFusion
from utils.utils import InputError, warn

READ_AHEAD = 2  # pairs
COUPLES = {"pair": ("vis", "ir"), "exposures": ("under", "over")}  # the first decides the depth
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
        help="keep the colour of the sources, or fuse luma only",
    )
    values.add_argument(
        "--stretch",
        choices=("none", "minmax"),
        default="none",
        help="clip the result, or stretch it to the full range as the authors' programs did",
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
        help="what to do with a coloured infrared image",
    )
    values.add_argument(
        "--resize", choices=("ir", "vis"), help="bring this source to the size of the other one"
    )


def filled(folders: Iterable[Path]) -> list[Path]:
    """Return those of the documented folders into which the user has put files."""
    return [f for f in folders if any(path.is_file() for path in f.rglob("*"))]


def jobs_from_flags(
    args: argparse.Namespace, defaults: Sequence[tuple[Path, Path]], default_output: Path
) -> list[FusionJob]:
    """Return what the command line asks for.

    Args:
        args: Parsed `add_fusion_flags`.
        defaults: Without any source: pairs of a folder, which holds `ir/` and `vis/` or scenes
            of exposures, and of the folder for its results, which may be rewritten.
        default_output: For sources that come without `--output`.

    Raises:
        InputError: sources that do not fit together.
    """
    overwrite = args.overwrite or args.output is None
    names = [n for n in SOURCES if getattr(args, n, None) is not None]
    if not names:
        jobs = []
        for folder, output in defaults:
            both = hasattr(args, "ir") and hasattr(args, "scene_dir")
            pairs = (folder / "vis").is_dir() if both else hasattr(args, "ir")
            found = pairs_in(folder) if pairs else find_scenes(folder)
            kind = "pair" if pairs else "exposures"
            jobs += plan_jobs(found, args.output or output, overwrite, kind)
        check_outputs(jobs, overwrite)  # of all of them together
        return jobs
    if names == ["scene_dir"]:
        kind, found = "exposures", find_scenes(args.scene_dir)
    else:
        kind, folders, flags = _sources_of(args, names)
        found = find_pairs(folders, flags, args.allow_unmatched)
    return plan_jobs(found, args.output or default_output, overwrite, kind)


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


def read_sources(job: FusionJob, args: argparse.Namespace) -> list[Array]:
    """Read a job's images, all of one size.

    Raises:
        InputError: unreadable, coloured infrared, or of different sizes without `--resize`.
    """
    images = [read_image(path) for path in job.sources]
    if job.kind == "pair":
        infrared = as_gray(job.sources[1], images[1], args.ir_color)
        images[1] = scale_ir(job.sources[1], infrared, args.ir_range)
    if len({image.shape[:2] for image in images}) > 1:
        return _resized(job, images, args)
    if all(np.array_equal(image, images[0]) for image in images[1:]):
        warn(f"{', '.join(map(str, job.sources))} are identical")
    elif getattr(args, "align", False):
        images, shifts = align_exposures(images)
        height, width = images[0].shape[:2]
        moved = ", ".join(f"{dx:+d} {dy:+d}" for dx, dy in shifts)
        tqdm.write(f"{job.output.stem}: moved by {moved} pixels, cut to {width}x{height}")
    elif shift := misalignment(images[0], images[1]):
        way = "--align does" if hasattr(args, "align") else "fusing does not align images"
        warn(
            f"{job.sources[1]} seems to lie {shift[0]:+d}, {shift[1]:+d} pixels off "
            f"{job.sources[0]}; {way}"
        )
    return images


def _resized(job: FusionJob, images: list[Array], args: argparse.Namespace) -> list[Array]:
    if job.kind != "pair" or args.resize is None:
        found = ", ".join(
            f"{path} {image.shape[1]}x{image.shape[0]}"
            for path, image in zip(job.sources, images, strict=True)
        )
        way = "; --resize ir or --resize vis scales one to the other" if job.kind == "pair" else ""
        raise InputError(f"sizes differ: {found}{way} (scaling does not align them)")
    visible, infrared = images
    if args.resize == "ir":
        return [visible, resize_to(infrared, *visible.shape[:2])]
    return [resize_to(visible, *infrared.shape[:2]), infrared]


def fuse_files(
    fusion: TiledFusion,
    jobs: Sequence[FusionJob],
    args: argparse.Namespace,
    also: Callable[[FusionJob, list[Array], Array], None] | None = None,
    arrange: Callable[[FusionJob, list[Array]], list[Array]] | None = None,
) -> int:
    """Fuse every job, reading ahead and writing behind, and return the exit status.

    A job that fails is reported and the others go on; the status is then 1.

    Args:
        fusion: The method.
        jobs: From `jobs_from_flags`.
        args: Parsed `add_fusion_flags`.
        also: What else to do with each job, its sources and its result.
        arrange: Puts the sources of a job in the order in which they are fused.
    """
    failures = 0
    seconds: list[float] = []
    _make_folders(jobs)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        written: list[tuple[FusionJob, Future[None]]] = []
        for job, images in tqdm(_read_ahead(reader, jobs, args), total=len(jobs), unit="pair"):
            try:
                sources = images.result()
                sources = arrange(job, sources) if arrange else sources
                start = time.perf_counter()
                fused = fusion.fuse(sources)
                seconds.append(time.perf_counter() - start)
                if also:
                    also(job, sources, fused)
                written.append((job, writer.submit(write_image, job.output, fused)))
            except (InputError, OSError) as error:
                failures += 1
                warn(str(error), "error")
            while written and (written[0][1].done() or len(written) > READ_AHEAD):
                failures += _report(*written.pop(0))
        failures += sum(_report(job, future) for job, future in written)
    timed = seconds[1:] or seconds  # the first one warms up
    if timed:
        print(
            f"Mean time: {sum(timed) / len(timed):.3f} seconds a pair, without reading and writing"
        )
    if failures:
        warn(f"{failures} of {len(jobs)} failed, see above", "error")
    return 1 if failures else 0


def _make_folders(jobs: Sequence[FusionJob]) -> None:
    for folder in {job.output.parent for job in jobs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder} (--output): {error.strerror}") from error


def _read_ahead(
    reader: ThreadPoolExecutor, jobs: Sequence[FusionJob], args: argparse.Namespace
) -> Iterator[tuple[FusionJob, Future[list[Array]]]]:
    """Yield each job with its images, of which a few are already being read."""
    waiting: list[tuple[FusionJob, Future[list[Array]]]] = []
    for job in jobs:
        waiting.append((job, reader.submit(read_sources, job, args)))
        if len(waiting) > READ_AHEAD:
            yield waiting.pop(0)
    yield from waiting


def _report(job: FusionJob, written: Future[None]) -> bool:
    """Say where a result is, or why not, and return whether it failed."""
    try:
        written.result()
    except (InputError, OSError) as error:
        warn(str(error), "error")
        return True
    tqdm.write(f"Output path: {job.output}")
    return False
