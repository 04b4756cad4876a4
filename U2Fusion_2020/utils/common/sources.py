# From common_code/base/utils/common/sources.py; edit it there, then tools/sync.py.
"""Read the sources of one result, and say what seems wrong with them."""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from utils.common.align import misalignment
from utils.common.image import read_image
from utils.common.pairs import FusionJob
from utils.common.values import Array
from utils.utils import InputError, warn

Value = TypeVar("Value")


class Notices:
    """Messages about single results: of each kind the first is printed, the others are counted.

    Args:
        verbose: Print all of them.
    """

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, message: str, prefix: str = "warning") -> None:
        """Print or count a message; `kind` completes "3 more ..."."""
        self.counts[kind] += 1
        if self.verbose or self.counts[kind] == 1:
            warn(message, prefix)

    def close(self) -> None:
        """Print how many messages were not printed."""
        for kind, count in self.counts.items():
            if count > 1 and not self.verbose:
                warn(f"{count - 1} more {kind}; --verbose names them", "note")


class Inputs:
    """Where a `Reader` gets images from: files, each result on its own. Videos have another.

    Attributes:
        chroma_rounding: By how much of 255 the channels of a gray image may differ.
    """

    chroma_rounding = 0

    def read(self, path: Path, physical: bool = False) -> Array:
        """Return an image, see `read_image`."""
        return read_image(path, physical)

    def once(self, name: str, find: Callable[[], Value]) -> Value:
        """Return what `find` finds; in a video, what it has found in the first frame."""
        return find()

    def steady(self, low: float, high: float) -> tuple[float, float]:
        """Return a range of values as it is; in a video, smoothed over time."""
        return low, high


FILES = Inputs()


class Reader(Protocol):
    """Reads the sources of a job."""

    def __call__(  # noqa: D102
        self, job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
    ) -> list[Array]: ...


def read_images(
    job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
) -> list[Array]:
    """Read registered images of one size and of any kind (a `Reader`).

    Raises:
        InputError: unreadable, or of different sizes.
    """
    images = [inputs.read(path) for path in job.sources]
    check_images(job, images, notices, inputs)
    return images


def check_images(
    job: FusionJob,
    images: Sequence[Array],
    notices: Notices,
    inputs: Inputs = FILES,
    resizing: str = "",
    aligning: str = "fusing does not align images",
) -> None:
    """Refuse images of different sizes, and warn of equal images and of shifted ones.

    Args:
        job: Where the images come from.
        images: Two or more.
        notices: Where to warn.
        inputs: Where the images were read; of a video, only the first frame is warned of.
        resizing: What to do about different sizes, for the message.
        aligning: What to do about a shift, for the message.

    Raises:
        InputError: different sizes.
    """
    if len({image.shape[:2] for image in images}) > 1:
        found = ", ".join(
            f"{path} {image.shape[1]}x{image.shape[0]}"
            for path, image in zip(job.sources, images, strict=True)
        )
        raise InputError(f"sizes differ: {found}{resizing} (scaling does not align them)")
    inputs.once("doubts", lambda: _warn_of(job, images, notices, aligning))


def _warn_of(job: FusionJob, images: Sequence[Array], notices: Notices, aligning: str) -> None:
    if all(np.array_equal(image, images[0]) for image in images[1:]):
        notices.add("of equal sources", f"{', '.join(map(str, job.sources))} are identical")
    elif shift := misalignment(images[0], images[1]):
        notices.add(
            "whose sources seem shifted",
            f"{job.sources[1]} seems to lie {shift[0]:+d}, {shift[1]:+d} pixels off "
            f"{job.sources[0]}; {aligning}",
        )
