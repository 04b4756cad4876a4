# From common_code/base/utils/common/video_sources.py; edit it there, then tools/sync.py.
"""Read the frames of several videos together, as the sources of one result after the other."""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from utils.common.pairs import FusionJob
from utils.common.sources import Inputs, Notices, Reader, Value
from utils.common.values import Array
from utils.common.video_read import Video, VideoError
from utils.utils import InputError, warn

SAME_RATE = 0.01  # frames per second: 29.97 and 30 differ by more, 29.97 and 30,000 / 1001 by less
SECONDS = 1.0  # time constant of smoothed ranges


class Smoothed:
    """Exponential moving average of a range, so that no single frame makes it jump.

    It starts at the range of the first frame. After a step, it has gone 63 % of the way in
    `SECONDS`.

    Args:
        rate: Frames per second.
    """

    def __init__(self, rate: Fraction) -> None:
        self.weight = 1 - math.exp(-1 / (float(rate) * SECONDS))  # of a new frame
        self.range: tuple[float, float] | None = None

    def __call__(self, low: float, high: float) -> tuple[float, float]:
        """Take in the range of a frame and return the average."""
        before = self.range or (low, high)
        self.range = (
            before[0] + self.weight * (low - before[0]),
            before[1] + self.weight * (high - before[1]),
        )
        return self.range


class Frames(Inputs):
    """The present frames of videos, in place of files.

    Args:
        rate: Frames per second.

    Attributes:
        present: A frame of each video, by its path.
    """

    chroma_rounding = 4  # a step of Cb and Cr is 1.8 of B and 1.4 of R, and OpenCV writes 127

    def __init__(self, rate: Fraction) -> None:
        self.present: Mapping[Path, Array] = {}
        self._found: dict[str, Any] = {}
        self._smoothed = Smoothed(rate)

    def read(self, path: Path, physical: bool = False) -> Array:
        """Return the present frame of a video."""
        return self.present[path]

    def once(self, name: str, find: Callable[[], Value]) -> Value:
        """Return what `find` has found in the first frame."""
        if name not in self._found:
            self._found[name] = find()
        found: Value = self._found[name]
        return found

    def steady(self, low: float, high: float) -> tuple[float, float]:
        """Return a range of values, smoothed over time."""
        return self._smoothed(low, high)


def common_rate(videos: Sequence[Video]) -> Fraction:
    """Return the frame rate of all videos.

    Raises:
        InputError: their rates differ.
    """
    rates = [video.rate for video in videos]
    if max(rates) - min(rates) > SAME_RATE:
        found = ", ".join(f"{video.path} {float(video.rate):.6g}" for video in videos)
        raise InputError(f"frame rates differ: {found} frames per second; convert one of them")
    return rates[0]


def expected_frames(videos: Sequence[Video], start: int, frames: int | None) -> int:
    """Return how many frames there are to fuse.

    What the files state is believed where it fits; otherwise all frames are decoded and counted.

    Args:
        videos: Two or more.
        start: The first frame to fuse, from 0.
        frames: How many are wanted, None for all that follow.

    Raises:
        InputError: the videos have different numbers of frames, or too few.
    """
    counts = [video.stated for video in videos]
    if _problem_of(videos, counts, start, frames):
        counts = [video.count() for video in videos]
    if problem := _problem_of(videos, counts, start, frames):
        raise InputError(problem)
    return frames or counts[0] - start


def _problem_of(
    videos: Sequence[Video], counts: Sequence[int], start: int, frames: int | None
) -> str:
    """Return what is wrong with these numbers of frames, empty if nothing is."""
    found = ", ".join(f"{video.path} {n}" for video, n in zip(videos, counts, strict=True))
    if frames is None and len(set(counts)) > 1:
        return f"numbers of frames differ: {found}; --start and --frames choose a part of them"
    wanted = start + (frames or 1)
    if min(counts) < wanted:
        asked = f"--start {start}" + (f" --frames {frames}" if frames else "")
        return f"too few frames: {found}; {asked} needs {wanted}"
    return ""


def read_sources(
    videos: Sequence[Video],
    reader: Reader,
    job: FusionJob,
    args: argparse.Namespace,
    notices: Notices,
) -> Iterator[list[Array]]:
    """Yield the sources of each frame of the result.

    Args:
        videos: Those of the job, which `expected_frames` has found sound.
        reader: See `Reader`.
        job: The job.
        args: Parsed flags of `add_video_flags` and of the reader.
        notices: Where doubts about the first frame are said.

    Raises:
        InputError: a frame that cannot be read, or videos that end earlier than they state.
    """
    inputs = Frames(videos[0].rate)
    streams = [video.frames(args.start) for video in videos]
    number = args.start
    while args.frames is None or number < args.start + args.frames:
        try:
            frames = [next(stream, None) for stream in streams]
            pairs = zip(job.sources, frames, strict=True)
            inputs.present = {path: frame for path, frame in pairs if frame is not None}
            if any(frame is None for frame in frames):
                break
            sources = reader(job, args, notices, inputs)
        except (InputError, VideoError) as error:
            raise InputError(f"frame {number}: {error}") from error
        yield sources
        number += 1
    else:
        return
    ended = [frame is None for frame in frames]
    counts = [
        number if over else number + 1 + sum(1 for _ in stream)
        for over, stream in zip(ended, streams, strict=True)
    ]
    if problem := _problem_of(videos, counts, args.start, args.frames):
        raise InputError(problem)
    if number < videos[0].stated:
        warn(f"{videos[0].path} states {videos[0].stated} frames and has {number}")
