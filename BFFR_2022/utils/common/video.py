# From common_code/base/utils/common/video.py; edit it there, then tools/sync.py.
"""Fuse videos: frames are read, fused and written beside each other."""

import argparse
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from utils.common.files import new_file
from utils.common.pairs import FusionJob
from utils.common.sources import Notices, Reader
from utils.common.tiled_fusion import TiledFusion
from utils.common.values import Array
from utils.common.video_read import VideoError, open_video
from utils.common.video_sources import Smoothed, common_rate, expected_frames, read_sources
from utils.common.video_write import VideoWriter, check_can_write, open_writer
from utils.utils import InputError

AHEAD = 2  # frames that are read before they are fused, or fused before they are written
Item = TypeVar("Item")


def fuse_video(
    fusion: TiledFusion, job: FusionJob, args: argparse.Namespace, reader: Reader
) -> None:
    """Fuse videos frame by frame into one, which is written whole or not at all.

    Args:
        fusion: The method.
        job: Videos of one frame rate and number of frames, and the video to write.
        args: Parsed flags of `add_fusion_flags` and of the reader.
        reader: Reads the sources of a frame.

    Raises:
        InputError: videos that do not go together, a damaged one, a result that the container
            cannot hold, or a full disk.
    """
    try:
        videos = [open_video(path) for path in job.sources]
        rate = common_rate(videos)
        total = expected_frames(videos, args.start, args.frames)
        check_can_write(job.output)
    except VideoError as error:
        raise InputError(str(error)) from error
    notices = Notices(args.verbose)
    sources = read_sources(videos, reader, job, args, notices)
    steady = Smoothed(rate)
    begun = time.perf_counter()

    def fuse_all() -> Generator[Array, None, None]:
        with ThreadPoolExecutor(1) as pool:
            for each in tqdm(_read_ahead(pool, sources), total=total, unit="frame"):
                yield fusion.fuse(each, steady=steady)

    try:
        with (
            closing(fuse_all()) as frames,
            new_file(job.output, args.overwrite, job.output.suffix) as file,
        ):
            writer = write_frames(frames, job.output, Path(file.name), rate)
    except FileExistsError as error:
        raise InputError(f"{error}; --overwrite replaces it") from error
    except (InputError, VideoError, OSError) as error:
        raise InputError(f"{job.output} was not written: {error}") from error
    notices.close()
    speed = writer.count / (time.perf_counter() - begun)
    print(f"Output path: {job.output} ({writer.count} frames, {writer.codec})")
    print(f"Speed: {speed:.2f} frames per second, with reading and writing")


def _read_ahead(pool: ThreadPoolExecutor, items: Iterator[Item]) -> Iterator[Item]:
    """Yield items while the next ones are being made by the only thread of a pool."""
    waiting = deque(pool.submit(next, items, None) for _ in range(AHEAD))
    while (item := waiting.popleft().result()) is not None:
        waiting.append(pool.submit(next, items, None))
        yield item


def write_frames(
    frames: Iterator[Array], output: Path, temporary: Path, rate: Fraction
) -> VideoWriter:
    """Write frames while the next ones are made, and return the writer, which is closed.

    Args:
        frames: At least one.
        output: What the file will be called, for messages.
        temporary: The file.
        rate: Frames per second.
    """
    first = next(frames)
    check_can_write(output, first)
    waiting: deque[Future[None]] = deque()
    with closing(open_writer(temporary, rate, first)) as writer, ThreadPoolExecutor(1) as pool:
        for frame in chain([first], frames):
            waiting.append(pool.submit(writer.write, frame))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for each in waiting:
            each.result()
        writer.finish()
    return writer
