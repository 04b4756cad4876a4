# From common_code/base/utils/common/video_write.py; edit it there, then tools/sync.py.
"""Write videos: `.mkv` without loss by PyAV, which is an extra, other containers as it is usual."""

from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from utils.common.values import Array
from utils.common.video_paths import LOSSLESS
from utils.common.video_read import VideoError, import_av, open_video
from utils.utils import InputError

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG"}  # of OpenCV
H264 = (".mp4", ".mov")  # by PyAV where it is installed
CRF = "18"  # of H.264: 0 is lossless, 51 worst; 18 can hardly be told from the original
LOSSLESS_FORMATS = {  # of an array's type and number of axes: of the array, and of FFV1
    ("uint8", 2): ("gray", "gray"),
    ("uint8", 3): ("rgb24", "bgr0"),
    ("uint16", 2): ("gray16le", "gray16le"),
    ("uint16", 3): ("gbrp16le", "gbrp16le"),
}


class VideoWriter(ABC):
    """Writes frames of one size, (H, W) or (H, W, 3) R, G, B, to a video.

    Attributes:
        codec: What the frames are written as, for people.
        count: How many frames were written.
    """

    codec: str

    def __init__(self, path: Path, rate: Fraction, first: Array) -> None:
        self.path, self.rate = path, rate
        self.shape, self.dtype = first.shape, first.dtype
        self.count = 0

    def write(self, frame: Array) -> None:
        """Append a frame.

        Raises:
            InputError: its size or type is not that of the first.
            OSError: the disk is full.
        """
        if (frame.shape, frame.dtype) != (self.shape, self.dtype):
            raise InputError(
                f"the result is {frame.dtype} {frame.shape} after {self.dtype} {self.shape}; all "
                "frames of a video must be alike"
            )
        self._append(frame)
        self.count += 1

    @abstractmethod
    def _append(self, frame: Array) -> None:
        """Encode a frame."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left, and check that all is there.

        Raises:
            OSError: the disk is full.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the file, finished or not."""


class PyAVWriter(VideoWriter):
    """FFV1 in Matroska, which keeps every value of 8 and 16 bits, or H.264."""

    def __init__(self, path: Path, rate: Fraction, first: Array) -> None:
        super().__init__(path, rate, first)
        self.av = import_av(f"{path.suffix} is written without loss")
        lossless = path.suffix.lower() == LOSSLESS
        self.array_format, pixel_format = "rgb24", "yuv420p"
        if lossless:
            kind = str(first.dtype), first.ndim
            self.array_format, pixel_format = LOSSLESS_FORMATS[kind]
        self.codec = f"FFV1, {first.dtype.itemsize * 8} bits" if lossless else "H.264"
        self.container = self.av.open(str(path), "w")
        codec, options = ("ffv1", {"level": "3"}) if lossless else ("libx264", {"crf": CRF})
        self.stream = self.container.add_stream(codec, rate=rate, options=options)
        self.stream.height, self.stream.width = first.shape[:2]
        self.stream.pix_fmt = pixel_format

    def _append(self, frame: Array) -> None:
        if self.array_format == "rgb24" and frame.ndim == 2:
            frame = cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)
        pixels = np.ascontiguousarray(frame)
        self._mux(self.av.VideoFrame.from_ndarray(pixels, self.array_format))

    def _mux(self, frame: Any) -> None:
        """Encode a frame, or what is left if it is None."""
        try:
            self.container.mux(self.stream.encode(frame))
        except self.av.FFmpegError as error:
            raise OSError(error.errno, f"frame {self.count}: {error.strerror}") from error

    def finish(self) -> None:  # noqa: D102
        self._mux(None)
        try:
            self.container.close()
        except self.av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error

    def close(self) -> None:  # noqa: D102
        self.container.close()


class OpenCVWriter(VideoWriter):
    """MPEG-4 or Motion JPEG."""

    def __init__(self, path: Path, rate: Fraction, first: Array) -> None:
        super().__init__(path, rate, first)
        code = CODECS[path.suffix.lower()]
        self.codec = {"mp4v": "MPEG-4 Part 2", "MJPG": "Motion JPEG"}[code]
        fourcc, (height, width) = cv2.VideoWriter.fourcc(*code), first.shape[:2]
        self.file = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, float(rate), (width, height))
        if not self.file.isOpened():
            raise OSError(f"OpenCV cannot write {self.codec} at {float(rate):g} frames per second")

    def _append(self, frame: Array) -> None:
        to_bgr = cv2.COLOR_RGB2BGR if frame.ndim == 3 else cv2.COLOR_GRAY2BGR
        self.file.write(cv2.cvtColor(frame, to_bgr))

    def finish(self) -> None:
        """Count the frames in the file, as OpenCV does not report a full disk."""
        self.file.release()
        try:
            found = open_video(self.path).count()
        except VideoError:
            found = 0
        if found != self.count:
            raise OSError(f"only {found} of {self.count} frames could be written (disk full?)")

    def close(self) -> None:  # noqa: D102
        self.file.release()


def check_can_write(path: Path, first: Array | None = None) -> None:
    """Refuse what a container cannot hold, and `.mkv` without PyAV.

    Args:
        path: The video to write.
        first: A frame of it, if there is one yet.

    Raises:
        InputError: the container cannot hold such frames.
        VideoError: PyAV is missing.
    """
    if path.suffix.lower() == LOSSLESS:
        import_av(f"{path} is written without loss")
        return
    if first is None:
        return
    height, width = first.shape[:2]
    if first.dtype != np.uint8:
        raise InputError(
            f"{path} holds 8 bits a channel and the result 16; let --output end in {LOSSLESS}"
        )
    if height % 2 or width % 2:
        raise InputError(
            f"{path} needs an even width and height and the result is {width}x{height}; let "
            f"--output end in {LOSSLESS}, which holds any size"
        )


def open_writer(path: Path, rate: Fraction, first: Array) -> VideoWriter:
    """Return a writer for frames like `first`; `check_can_write` has found nothing wrong.

    Args:
        path: The file, whose suffix is the container's.
        rate: Frames per second.
        first: A frame, which is not written yet.
    """
    suffix = path.suffix.lower()
    return (PyAVWriter if suffix == LOSSLESS or _has_h264(suffix) else OpenCVWriter)(
        path, rate, first
    )


def _has_h264(suffix: str) -> bool:
    try:
        return suffix in H264 and "libx264" in import_av("H.264").codecs_available
    except VideoError:
        return False
