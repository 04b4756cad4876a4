# From common_code/base/utils/common/video_paths.py; edit it there, then tools/sync.py.
"""Which paths are videos, and what the command line may say of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils.common.flags import FlagParser, natural_int, positive_int
from utils.utils import InputError

if TYPE_CHECKING:
    from utils.common.pairs import FusionJob

LOSSLESS = ".mkv"
WRITTEN = (".mp4", ".mov", ".avi", LOSSLESS)
SUFFIXES = (*WRITTEN, ".m4v", ".webm", ".mpg", ".mpeg", ".ts", ".wmv")


def add_video_flags(parser: FlagParser) -> None:
    """Add the flags that choose a part of a video."""
    group = parser.add_flag_group("video", rare=True)
    group.add_argument(
        "--start", type=natural_int, default=0, help="first frame to fuse, counted from 0"
    )
    group.add_argument(
        "--frames", type=positive_int, help="fuse this many frames instead of all that follow"
    )


def is_video(path: Path) -> bool:
    """Return True if a path is a video by its suffix, whether it is there or not."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def check_sources(paths: Sequence[Path], flags: Sequence[str]) -> None:
    """Refuse videos that are absent or are mixed with images.

    Args:
        paths: The sources, at least one of them a video.
        flags: What named each of them, for messages.

    Raises:
        InputError: see above.
    """
    for path, flag in zip(paths, flags, strict=True):
        if not is_video(path):
            video = next(each for each in paths if is_video(each))
            raise InputError(
                f"{path} ({flag}) is not a video and {video} is; give videos or images, not both"
            )
        if not path.is_file():
            raise InputError(f"no such file: {path} ({flag})")


def check_output(path: Path, sources: Sequence[Path]) -> None:
    """Refuse an `--output` that does not suit the sources of one result: videos, or images.

    Raises:
        InputError: see above.
    """
    kinds = " ".join(WRITTEN)
    if not is_video(sources[0]) and is_video(path):
        raise InputError(f"--output {path} is a video and the sources are images")
    if is_video(sources[0]) and not (is_video(path) and path.suffix.lower() in WRITTEN):
        raise InputError(
            f"{sources[0]} is a video, which cannot be fused into {path}; "
            f"let --output, or output in a list, be one file that ends in one of {kinds}"
        )


def check_flags(args: argparse.Namespace, jobs: Sequence["FusionJob"]) -> None:
    """Refuse flags of videos for images, and flags of images for videos.

    Raises:
        InputError: see above.
    """
    videos = sum(is_video(job.sources[0]) for job in jobs)
    if 0 < videos < len(jobs):
        raise InputError(f"{videos} of {len(jobs)} sources are videos; list images by themselves")
    video = bool(videos)
    for flag in ("start", "frames"):
        if jobs and not video and getattr(args, flag):
            raise InputError(f"--{flag} chooses a part of videos, and the sources are images")
    if video and getattr(args, "align", False):
        raise InputError(
            "--align would shift each frame of a video by itself; register the videos beforehand, "
            "and leave --align out"
        )
