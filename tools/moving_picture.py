r"""Show videos of one scene side by side, as an animated WebP or GIF.

    python tools/moving_picture.py visible=vis.mp4 infrared=ir.mp4 NestFuse=fused.mp4 \
        --output docs/figure/video.webp

Each name stands above its video, in the order given.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
from PIL import Image, ImageDraw, ImageFont

GAP = 8  # between the videos and around them, pixels
CAPTION = 24  # height of the line of names
FONT_SIZE = 15
PAPER, INK = "white", "#3c3c3c"
SUFFIXES = (".webp", ".gif")


class Video(NamedTuple):
    """Frames of one size, and how many of them are shown in a second."""

    frames: list[Image.Image]
    rate: float


def named(text: str) -> tuple[str, Path]:
    """Split NAME=VIDEO."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VIDEO")
    return name, Path(path)


def picture_file(text: str) -> Path:
    """Return the file to write, of which Pillow derives the format."""
    if Path(text).suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} ends in none of {' '.join(SUFFIXES)}")
    return Path(text)


def read(path: Path, width: int) -> Video:
    """Return a video whose frames are scaled to a width.

    Raises:
        ValueError: OpenCV finds no frames in it.
    """
    source = cv2.VideoCapture(str(path))
    frames = []
    while (found := source.read())[0]:
        frame = Image.fromarray(cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB))
        height = round(frame.height * width / frame.width)
        frames.append(frame.resize((width, height), Image.Resampling.LANCZOS))
    if not frames:
        raise ValueError(f"{path} is not a video that OpenCV can read")
    return Video(frames, source.get(cv2.CAP_PROP_FPS))


def join(videos: dict[str, Video]) -> list[Image.Image]:
    """Return the frames side by side, with the names above.

    Raises:
        ValueError: the videos differ in their number of frames, their rate or their shape.
    """
    kinds = {
        name: f"{len(frames)} frames of {frames[0].width}x{frames[0].height}, {rate:g} a second"
        for name, (frames, rate) in videos.items()
    }
    if len(set(kinds.values())) > 1:
        each = "; ".join(f"{name} has {kind}" for name, kind in kinds.items())
        raise ValueError(f"the videos differ, scaled to one width: {each}")
    width, height = next(iter(videos.values())).frames[0].size
    size = (len(videos) * (width + GAP) + GAP, CAPTION + height + GAP)
    sheet = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    lefts = range(GAP, size[0], width + GAP)
    for left, name in zip(lefts, videos, strict=True):
        pen.text((left, CAPTION // 2), name, INK, font, anchor="lm")
    joined = []
    for frames in zip(*(video.frames for video in videos.values()), strict=True):
        for left, frame in zip(lefts, frames, strict=True):
            sheet.paste(frame, (left, CAPTION))
        joined.append(sheet.copy())
    return joined


def main(argv: Sequence[str] | None = None) -> int:
    """Write the moving picture and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("videos", nargs="+", type=named, metavar="NAME=VIDEO")
    parser.add_argument("--output", type=picture_file, required=True, help="a .webp or .gif file")
    parser.add_argument("--width", type=int, default=320, help="of each video, pixels")
    parser.add_argument("--quality", type=int, default=50, help="of WebP, 0 to 100")
    args = parser.parse_args(argv)
    try:
        videos = {name: read(path, args.width) for name, path in args.videos}
        first, *others = join(videos)
        first.save(
            args.output,
            save_all=True,
            append_images=others,
            duration=round(1000 / videos[args.videos[0][0]].rate),  # of a frame, milliseconds
            loop=0,  # without end
            quality=args.quality,
            method=4,  # of 0, fast, to 6, small; 6 takes minutes
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"Moving picture: {args.output}, {args.output.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
