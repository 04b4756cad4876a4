# From common_code/base/utils/common/pipeline.py; edit it there, then tools/sync.py.
"""Fuse files: threads read the next images and write the last result while one is fused."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from utils.common.files import clear_leftovers
from utils.common.image import write_image
from utils.common.pairs import FusionJob
from utils.common.sources import Notices, Reader, read_images
from utils.common.tiled_fusion import TiledFusion
from utils.common.values import Array
from utils.common.video import fuse_video
from utils.common.video_paths import is_video
from utils.utils import InputError, warn

READ_AHEAD = 2  # jobs


def fuse_files(
    fusion: TiledFusion,
    jobs: Sequence[FusionJob],
    args: argparse.Namespace,
    readers: Mapping[str, Reader],
    also: Callable[[FusionJob, list[Array], Array], None] | None = None,
) -> int:
    """Fuse every job and return the exit status.

    A job that fails is reported and the others go on; the status is then 1. Videos are
    always a single job.

    Args:
        fusion: The method.
        jobs: From `find_jobs`.
        args: Parsed flags of `add_fusion_flags` and of the readers.
        readers: Read the sources of a job, by its kind; `read_images` reads other kinds.
        also: What else to do with each job of images, its sources and its result.

    Raises:
        InputError: a video that cannot be fused, see `fuse_video`.
    """
    notices = Notices(args.verbose)
    for folder in {job.output.parent for job in jobs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder} (--output): {error.strerror}") from error
        clear_leftovers(folder)
    if videos := [job for job in jobs if is_video(job.sources[0])]:
        for job in videos:
            fuse_video(fusion, job, args, readers.get(job.kind, read_images))
        _print_trial(fusion)
        return 0
    replaced = {job.output for job in jobs if args.overwrite or job.output.exists()}
    seconds: list[float] = []
    writing: list[tuple[FusionJob, Future[None]]] = []
    written: list[Path] = []
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead = _read_ahead(reader, readers, jobs, args, notices)
        for job, images in tqdm(ahead, total=len(jobs), unit="pair"):
            try:
                sources = images.result()
                start = time.perf_counter()
                fused = fusion.fuse(sources)
                seconds.append(time.perf_counter() - start)
                if also:
                    also(job, sources, fused)
                path = job.output
                writing.append((job, writer.submit(write_image, path, fused, path in replaced)))
            except (InputError, OSError) as error:
                warn(str(error), "error")
            while writing and (writing[0][1].done() or len(writing) > READ_AHEAD):
                written += _finish_writing(*writing.pop(0), args.verbose)
        for job, future in writing:
            written += _finish_writing(job, future, args.verbose)
    notices.close()
    _print_trial(fusion)
    _summarize(jobs, written, seconds, args.verbose)
    return 0 if len(written) == len(jobs) else 1


def _read_ahead(
    pool: ThreadPoolExecutor,
    readers: Mapping[str, Reader],
    jobs: Sequence[FusionJob],
    args: argparse.Namespace,
    notices: Notices,
) -> Iterator[tuple[FusionJob, Future[list[Array]]]]:
    """Yield each job with its images, while the next ones are being read."""
    waiting: list[tuple[FusionJob, Future[list[Array]]]] = []
    for job in jobs:
        read = readers.get(job.kind, read_images)
        waiting.append((job, pool.submit(read, job, args, notices)))
        if len(waiting) > READ_AHEAD:
            yield waiting.pop(0)
    yield from waiting


def _finish_writing(job: FusionJob, future: Future[None], verbose: bool) -> list[Path]:
    """Return the path of a result if it was written, else report why not and return nothing."""
    try:
        future.result()
    except FileExistsError as error:
        warn(f"{error}; --overwrite replaces it", "error")
    except (InputError, OSError) as error:
        warn(str(error), "error")
    else:
        if verbose:
            tqdm.write(f"Output path: {job.output}")
        return [job.output]
    return []


def _print_trial(fusion: TiledFusion) -> None:
    """Print what `--precision auto` took, and why."""
    if fusion.trial:
        print(f"Precision: {fusion.precision} ({fusion.trial})")


def _summarize(
    jobs: Sequence[FusionJob], written: Sequence[Path], seconds: Sequence[float], verbose: bool
) -> None:
    """Print where the results are, how long one took and how many failed."""
    if len(jobs) == len(written) == 1 and not verbose:
        print(f"Output path: {written[0]}")
    elif not verbose:
        for folder, count in Counter(path.parent for path in written).items():
            print(f"Output path: {folder} ({count} images)")
    if timed := seconds[1:] or seconds:  # the first one warms up
        mean = sum(timed) / len(timed)
        print(f"Mean time: {mean:.3f} seconds per result, without reading and writing")
    if failures := len(jobs) - len(written):
        warn(f"{failures} of {len(jobs)} failed, see above", "error")
