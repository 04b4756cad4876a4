# From common_code/base/utils/common/pipeline.py; edit it there, then tools/sync.py.
"""From files to files: reading and writing beside the fusing."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utils.common.align import align_exposures, misalignment
from utils.common.files import clear_leftovers
from utils.common.image import (
    Array,
    as_gray,
    narrow_range,
    read_image,
    resize_to,
    scale_ir,
    write_image,
)
from utils.common.pairs import FusionJob
from utils.common.tile import TiledFusion
from utils.utils import InputError, warn

READ_AHEAD = 2  # pairs


class Notices:
    """What is said of single results: the first of each kind at once, of the others the number.

    Args:
        verbose: Say all of them.
    """

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, message: str, prefix: str = "warning") -> None:
        """Say something of a result; `kind` completes "3 more ..."."""
        self.counts[kind] += 1
        if self.verbose or self.counts[kind] == 1:
            warn(message, prefix)

    def close(self) -> None:
        """Say how many notices were left out."""
        for kind, count in self.counts.items():
            if count > 1 and not self.verbose:
                warn(f"{count - 1} more {kind}; --verbose names them", "note")


def read_sources(job: FusionJob, args: argparse.Namespace, notices: Notices) -> list[Array]:
    """Read a job's images, all of one size.

    Raises:
        InputError: unreadable, colored infrared, or of different sizes without `--resize`.
    """
    if job.kind == "pair":
        images = [read_image(job.sources[0]), _read_infrared(job.sources[1], args, notices)]
    else:
        images = [read_image(path) for path in job.sources]
    if len({image.shape[:2] for image in images}) > 1:
        return _resized(job, images, args)
    if all(np.array_equal(image, images[0]) for image in images[1:]):
        notices.add("of equal sources", f"{', '.join(map(str, job.sources))} are identical")
    elif getattr(args, "align", False):
        images, shifts = align_exposures(images)
        height, width = images[0].shape[:2]
        moved = ", ".join(f"{dx:+d} {dy:+d}" for dx, dy in shifts)
        found = f"{job.output.stem}: moved by {moved} pixels, cut to {width}x{height}"
        notices.add("that were aligned", found, "note")
    elif shift := misalignment(images[0], images[1]):
        way = "--align does" if hasattr(args, "align") else "fusing does not align images"
        notices.add(
            "whose sources seem shifted",
            f"{job.sources[1]} seems to lie {shift[0]:+d}, {shift[1]:+d} pixels off "
            f"{job.sources[0]}; {way}",
        )
    return images


def _read_infrared(path: Path, args: argparse.Namespace, notices: Notices) -> Array:
    """Return one channel, in the range that `--ir_range` says."""
    infrared = as_gray(path, read_image(path, physical=True), args.ir_color)
    share = narrow_range(infrared) if args.ir_range == "full" else None
    if share is not None:
        notices.add(
            "with narrow infrared values",
            f"{path}: 98% of the infrared values fill {share:.0%} of their range; "
            "--ir_range percentile spreads them",
        )
    return scale_ir(path, infrared, args.ir_range)


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
    notices = Notices(args.verbose)
    folders = {job.output.parent for job in jobs}
    _make_folders(folders)
    replaced = {job.output for job in jobs if args.overwrite or job.output.exists()}
    seconds: list[float] = []
    written: list[tuple[FusionJob, Future[None]]] = []
    results: Counter[Path] = Counter()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        read = partial(read_sources, args=args, notices=notices)
        for job, images in tqdm(_read_ahead(reader, jobs, read), total=len(jobs), unit="pair"):
            try:
                sources = images.result()
                sources = arrange(job, sources) if arrange else sources
                start = time.perf_counter()
                fused = fusion.fuse(sources)
                seconds.append(time.perf_counter() - start)
                if also:
                    also(job, sources, fused)
                path = job.output
                written.append((job, writer.submit(write_image, path, fused, path in replaced)))
            except (InputError, OSError) as error:
                warn(str(error), "error")
            while written and (written[0][1].done() or len(written) > READ_AHEAD):
                results += _report(*written.pop(0), args.verbose)
        for job, future in written:
            results += _report(job, future, args.verbose)
    notices.close()
    return _summarize(jobs, results, seconds, args.verbose)


def _summarize(
    jobs: Sequence[FusionJob], results: Counter[Path], seconds: Sequence[float], verbose: bool
) -> int:
    """Say where the results are, how long one took and what failed; return the exit status."""
    if len(jobs) == 1 and results and not verbose:
        print(f"Output path: {jobs[0].output}")
    elif not verbose:
        for folder, count in results.items():
            print(f"Output path: {folder} ({count} images)")
    if timed := seconds[1:] or seconds:  # the first one warms up
        mean = sum(timed) / len(timed)
        print(f"Mean time: {mean:.3f} seconds per result, without reading and writing")
    if failures := len(jobs) - results.total():
        warn(f"{failures} of {len(jobs)} failed, see above", "error")
    return 1 if failures else 0


def _make_folders(folders: Iterable[Path]) -> None:
    """Make the folders of the results, without what a killed process left in them."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder} (--output): {error.strerror}") from error
        clear_leftovers(folder)


def _read_ahead(
    reader: ThreadPoolExecutor,
    jobs: Sequence[FusionJob],
    read: Callable[[FusionJob], list[Array]],
) -> Iterator[tuple[FusionJob, Future[list[Array]]]]:
    """Yield each job with its images, of which a few are already being read."""
    waiting: list[tuple[FusionJob, Future[list[Array]]]] = []
    for job in jobs:
        waiting.append((job, reader.submit(read, job)))
        if len(waiting) > READ_AHEAD:
            yield waiting.pop(0)
    yield from waiting


def _report(job: FusionJob, written: Future[None], verbose: bool) -> Counter[Path]:
    """Return the folder of a result, counted if it was written; else say why not."""
    try:
        written.result()
    except FileExistsError as error:
        warn(f"{error}; --overwrite replaces it", "error")
    except (InputError, OSError) as error:
        warn(str(error), "error")
    else:
        if verbose:
            tqdm.write(f"Output path: {job.output}")
        return Counter([job.output.parent])
    return Counter()
