# From common_code/base/utils/common/pipeline.py; edit it there, then tools/sync.py.
"""Fuse files: threads read the next images and write the last result while one is fused."""

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tqdm import tqdm

from utils.common.files import clear_leftovers
from utils.common.image import write_image
from utils.common.pairs import FusionJob
from utils.common.sources import Notices, Reader, read_images
from utils.common.tally import Tally
from utils.common.tiled_fusion import TiledFusion
from utils.common.values import Array
from utils.common.video import fuse_video
from utils.common.video_paths import is_video
from utils.utils import InputError

READ_AHEAD = 2  # jobs
Also = Callable[[FusionJob, list[Array], Array], None]


def fuse_files(
    fusion: TiledFusion,
    jobs: Sequence[FusionJob],
    args: argparse.Namespace,
    readers: Mapping[str, Reader],
    also: Also | None = None,
) -> int:
    """Fuse every job and return the exit status.

    A job that fails is reported, and the others go on until `--max_failures` of them have failed;
    the status is then 1. With `--skip_existing`, nothing is read of a job with a complete result.

    Args:
        fusion: The method.
        jobs: From `find_jobs`.
        args: Parsed flags of `add_fusion_flags` and of the readers.
        readers: Read the sources of a job, by its kind; `read_images` reads other kinds.
        also: What else to do with each job of images, its sources and its result.

    Raises:
        InputError: a folder of results that cannot be made.
    """
    tally = Tally(jobs, args)
    names = {job.output.name for job in tally.left}
    for folder in {job.output.parent for job in tally.left}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make {folder} (--output): {error.strerror}") from error
        clear_leftovers(folder, names)
    if any(is_video(job.sources[0]) for job in tally.left):
        _fuse_videos(fusion, tally, args, readers)
    else:
        _fuse_images(fusion, tally, args, readers, also)
    if fusion.trial:
        print(f"Precision: {fusion.precision} ({fusion.trial})")
    return tally.summarize()


def _fuse_videos(
    fusion: TiledFusion,
    tally: Tally,
    args: argparse.Namespace,
    readers: Mapping[str, Reader],
) -> None:
    """Fuse one video after the other."""
    for job in tally.left:
        try:
            fuse_video(fusion, job, args, readers.get(job.kind, read_images))
            tally.add_fused(job, name=False)
        except InputError as error:
            tally.add_failed(job, error)
        if tally.stopped:
            break


def _fuse_images(
    fusion: TiledFusion,
    tally: Tally,
    args: argparse.Namespace,
    readers: Mapping[str, Reader],
    also: Also | None,
) -> None:
    """Fuse images, while the next ones are being read and the last result is being written."""
    existing = {job.output for job in tally.left if job.output.exists()}  # may be replaced
    notices = Notices(args.verbose)
    writing: deque[tuple[FusionJob, Future[None]]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead = _read_ahead(reader, readers, tally.left, args, notices)
        for job, images in tqdm(ahead, total=len(tally.left), unit="pair"):
            try:
                sources = images.result()
                start = time.perf_counter()
                fused = fusion.fuse(sources)
                tally.add_time(time.perf_counter() - start)
                if also:
                    also(job, sources, fused)
                replace = args.overwrite or job.output in existing
                writing.append((job, writer.submit(write_image, job.output, fused, replace)))
            except (InputError, OSError) as error:
                tally.add_failed(job, error)
            while writing and (writing[0][1].done() or len(writing) > READ_AHEAD):
                _finish_writing(*writing.popleft(), tally)
            if tally.stopped:
                break
        for job, future in writing:
            _finish_writing(job, future, tally)
    notices.close()


def _read_ahead(
    pool: ThreadPoolExecutor,
    readers: Mapping[str, Reader],
    jobs: Sequence[FusionJob],
    args: argparse.Namespace,
    notices: Notices,
) -> Iterator[tuple[FusionJob, Future[list[Array]]]]:
    """Yield each job with its images, while the next ones are being read."""
    waiting: deque[tuple[FusionJob, Future[list[Array]]]] = deque()
    for job in jobs:
        read = readers.get(job.kind, read_images)
        waiting.append((job, pool.submit(read, job, args, notices)))
        if len(waiting) > READ_AHEAD:
            yield waiting.popleft()
    yield from waiting


def _finish_writing(job: FusionJob, future: Future[None], tally: Tally) -> None:
    """Count a result that was written, or report why it was not."""
    try:
        future.result()
    except FileExistsError as error:
        if tally.args.skip_existing:  # another process was faster
            tally.skipped += 1
        else:
            tally.add_failed(job, InputError(f"{error}; --overwrite replaces it"))
    except (InputError, OSError) as error:
        tally.add_failed(job, error)
    else:
        tally.add_fused(job)
