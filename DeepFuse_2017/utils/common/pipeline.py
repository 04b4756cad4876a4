# From common_code/base/utils/common/pipeline.py; edit it there, then tools/sync.py.
"""From files to files: reading and writing beside the fusing."""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

from utils.common.files import clear_leftovers
from utils.common.image import Array, write_image
from utils.common.pairs import FusionJob
from utils.common.sources import Notices, read_sources
from utils.common.tile import TiledFusion
from utils.utils import InputError, warn

READ_AHEAD = 2  # pairs


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
