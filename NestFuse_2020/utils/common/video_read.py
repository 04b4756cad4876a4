# From common_code/base/utils/common/video_read.py; edit it there, then tools/sync.py.
"""Read videos frame by frame: 8 bits by OpenCV, more by PyAV, which is an extra."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
GRAY = (b"Y800", b"GREY", b"Y8  ")  # FFmpeg's names of pixel formats of 8 bits, as OpenCV has them
COLOR = (
    *(b"I420", b"IYUV", b"YV12", b"NV12", b"NV21", b"YUY2", b"UYVY", b"Y42B", b"422P", b"444P"),
    *(b"Y41B", b"411P", b"440P", b"BGR\x00", b"RGB\x00", b"BGRA", b"RGBA", b"BGR\x18", b"RGB\x18"),
)
RATE_STEPS = 1001  # the largest denominator of frame rates: 29.97 is 30,000 / 1001


class VideoError(ValueError):
    """A file cannot be read as a video, or a package that this takes is missing."""


@dataclass(frozen=True)
class Video:
    """A video file.

    Attributes:
        path: The file.
        rate: Frames per second.
        stated: How many frames the file says that it has, which may be wrong; 0 if it does not.
        pixel_format: FFmpeg's four letters, or other four bytes for more than 8 bits.
    """

    path: Path
    rate: Fraction
    stated: int
    pixel_format: bytes

    def frames(self, start: int = 0) -> Iterator[Array]:
        """Yield frames, (H, W) or (H, W, 3) in R, G, B order, uint8 or uint16.

        Values of 9 to 14 bits are spread over the range of 16 bits.

        Args:
            start: Leave out so many frames; they are decoded, as jumping is not exact.

        Raises:
            VideoError: PyAV is needed and missing, or cannot decode a frame.
        """
        if self.pixel_format in (*GRAY, *COLOR):
            return self._frames_by_opencv(start)
        return self._frames_by_pyav(start)

    def count(self) -> int:
        """Return the number of frames, by decoding all of them."""
        if self.pixel_format not in (*GRAY, *COLOR):
            return sum(1 for _ in self.frames())
        with _opened(self.path) as capture:
            return sum(1 for _ in iter(capture.grab, False))

    def _frames_by_opencv(self, start: int) -> Iterator[Array]:
        with _opened(self.path) as capture:
            if not all(capture.grab() for _ in range(start)):
                return
            while True:
                there, pixels = capture.read()
                if not there:
                    return
                in_gray = self.pixel_format in GRAY  # all channels are equal
                yield pixels[..., 0].copy() if in_gray else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def _frames_by_pyav(self, start: int) -> Iterator[Array]:
        av = import_av(f"{self.path} holds more than 8 bits a channel, or rare pixels of 8 bits")
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for frame in islice(container.decode(stream), start, None):
                    yield _pixels(frame, self.path)
        except av.FFmpegError as error:
            raise VideoError(f"{self.path} cannot be decoded: {error.strerror}") from error


def open_video(path: Path) -> Video:
    """Return a video, after a look at its head.

    Raises:
        VideoError: absent, no video, or without a frame rate.
    """
    if not path.is_file():
        raise VideoError(f"no such file: {path}")
    with _opened(path) as capture:
        rate = capture.get(cv2.CAP_PROP_FPS)
        stated = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        code = int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
    if not 0 < rate < float("inf"):
        raise VideoError(f"{path} has no frame rate")
    return Video(
        path, Fraction(rate).limit_denominator(RATE_STEPS), stated, code.to_bytes(4, "little")
    )


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Give a video that OpenCV has opened.

    Raises:
        VideoError: it cannot be opened.
    """
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise VideoError(f"{path} is not a video that can be decoded")
        yield capture
    finally:
        capture.release()


def import_av(reason: str) -> Any:
    """Return PyAV.

    Raises:
        VideoError: it is missing; `reason` says what needs it.
    """
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise VideoError(f"{reason}, which needs the package av: pip install av") from error


def _pixels(frame: Any, path: Path) -> Array:
    """Return a frame of PyAV as (H, W) or (H, W, 3), uint8 or uint16 of their full range.

    Raises:
        VideoError: the values are not whole numbers.
    """
    name, parts = frame.format.name, frame.format.components
    bits = max(part.bits for part in parts)
    if "f16" in name or "f32" in name:
        raise VideoError(f"{path} holds floating-point values ({name}); convert it to 16 bits")
    if name.startswith(("gray", "gbrp", "rgb48", "bgr48")):
        pixels: Array = frame.to_ndarray()
        if name.startswith("bgr48"):
            pixels = pixels[..., ::-1]
        if bits in (8, 16):
            return pixels
        return np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)
    return np.asarray(frame.to_ndarray(format="rgb48le" if bits > 8 else "rgb24"))
