"""Measure how much fused videos flicker, beside their sources."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluate import named_path
from benchmark.image_files import list_images, read_luma
from benchmark.metrics.color import luma
from benchmark.video_read import open_video

HEAD = ("", "brightness", "pixels", "flicker")


class Changes(NamedTuple):
    """From each frame to the next, in gray levels of 255, (T - 1,) each.

    `brightness` is the change of the mean luma, with its sign; `pixels` is the mean over all pixels
    of the absolute change of luma.
    """

    brightness: NDArray[np.float64]
    pixels: NDArray[np.float64]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sources",
        type=Path,
        required=True,
        nargs="+",
        metavar="PATH",
        help="what was fused: videos, or folders of frames that sort by name",
    )
    parser.add_argument(
        "--fused",
        type=named_path,
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME=PATH",
        help="name of a method and its fused video, or folder of frames; may be repeated",
    )
    return parser.parse_args(argv)


def read_frames(path: Path, flag: str) -> Iterator[NDArray[np.float64]]:
    """Yield the luma of each frame of a video or a folder, (H, W), in 0 to 255.

    Raises:
        OSError: If a file cannot be opened.
        ValueError: If it is no video, or a folder without images.
    """
    if path.is_dir():
        yield from map(read_luma, list_images(path, flag))
        return
    for frame in open_video(path).frames():
        channels = frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0)
        yield luma(channels) / (257 if frame.dtype == np.uint16 else 1)


def measure(frames: Iterator[NDArray[np.float64]]) -> Changes:
    """Return the changes from frame to frame of two or more lumas, (H, W).

    Raises:
        ValueError: If there is one frame, or frames differ in size.
    """
    brightness: list[float] = []
    pixels: list[float] = []
    before = next(frames, None)
    for frame in frames:
        if before is None or frame.shape != before.shape:
            raise ValueError(f"frame {len(pixels) + 1} has another size than the one before")
        brightness.append(frame.mean() - before.mean())
        pixels.append(np.abs(frame - before).mean())
        before = frame
    if not pixels:
        raise ValueError("a single frame does not flicker; two or more are needed")
    return Changes(np.array(brightness), np.array(pixels))


def flicker(fused: Changes, sources: Sequence[Changes]) -> float:
    """Return the change of brightness that no source explains, in gray levels per frame.

    It is the mean of max(0, |change of the result| - greatest |change of a source|), 0 if the
    result never changes more than the source that changes most.
    """
    explained = np.max([np.abs(source.brightness) for source in sources], axis=0)
    return float(np.maximum(0, np.abs(fused.brightness) - explained).mean())


def measure_all(paths: Sequence[tuple[str, Path, str]]) -> list[Changes]:
    """Return the changes of each (name, path, flag).

    Raises:
        ValueError: If one cannot be measured, or they have different numbers of frames.
    """
    found: list[Changes] = []
    for _, path, flag in paths:
        try:
            found.append(measure(read_frames(path, flag)))
        except ValueError as error:
            raise ValueError(f"{path} ({flag}): {error}") from error
        if len(found[-1].pixels) != len(found[0].pixels):
            raise ValueError(
                f"{paths[0][1]} has {len(found[0].pixels) + 1} frames and {path} ({flag}) "
                f"{len(found[-1].pixels) + 1}"
            )
    return found


def main(args: argparse.Namespace) -> int:
    """Measure and print. Return the exit status."""
    sources = [(str(path), path, "--sources") for path in args.sources]
    fused = [(name, path, "--fused") for name, path in args.fused]
    try:
        found = measure_all([*sources, *fused])
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [HEAD]
    for number, ((name, _, _), changes) in enumerate(zip([*sources, *fused], found, strict=True)):
        excess = flicker(changes, found[: len(sources)]) if number >= len(sources) else None
        levels = (np.abs(changes.brightness).mean(), changes.pixels.mean())
        shown = (*(f"{level:.3f}" for level in levels), "" if excess is None else f"{excess:.3f}")
        rows.append((name, *shown))
    print(f"{len(found[0].pixels) + 1} frames; mean change from frame to frame, levels of 255")
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([row[0].ljust(len(first)), *others]).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(parse_args()))
