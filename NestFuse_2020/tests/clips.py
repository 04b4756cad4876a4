# From common_code/base/tests/clips.py; edit it there, then tools/sync.py.
"""Small videos, written and read by OpenCV and PyAV alone, whatever the code under test does."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers import picture

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
LOSSLESS = {  # FFV1's formats, and PyAV's of the array
    ("uint8", 2): ("gray", "gray"),
    ("uint8", 3): ("bgr0", "rgb24"),
    ("uint16", 2): ("gray16le", "gray16le"),
    ("uint16", 3): ("gbrp16le", "gbrp16le"),
}


def moving(
    seed: int, count: int = 8, channels: int = 1, dtype: type = np.uint8
) -> list[np.ndarray]:
    """Return frames of a scene that moves by a pixel a frame, (48, 64) or (48, 64, 3)."""
    scene = picture(seed, 48, 64 + count, channels, dtype)
    return [np.ascontiguousarray(scene[:, number : number + 64]) for number in range(count)]


def put_clip(path: Path, frames: Sequence[np.ndarray], rate: float = 25) -> Path:
    """Write a video of 8 bits with loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
    file = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, (width, height))
    for frame in frames:
        bgr = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if frame.ndim == 2 else frame[..., ::-1]
        file.write(np.ascontiguousarray(bgr))
    file.release()
    return path


def put_lossless(
    path: Path, frames: Sequence[np.ndarray], rate: Fraction = Fraction(25), form: str = ""
) -> Path:
    """Write FFV1 in one of its formats, by default the one of the frames; skip without PyAV."""
    av = pytest.importorskip("av", reason="pip install av")
    stored, given = LOSSLESS[str(frames[0].dtype), frames[0].ndim]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate, options={"level": "3"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = form or stored
        for frame in [av.VideoFrame.from_ndarray(each, form or given) for each in frames]:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def get_clip(path: Path) -> list[np.ndarray]:
    """Return the frames as OpenCV decodes them, (H, W, 3) R, G, B of 8 bits."""
    file = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames: list[np.ndarray] = []
    while True:
        there, pixels = file.read()
        if not there:
            return frames
        frames.append(pixels[..., ::-1])


def get_lossless(path: Path) -> list[np.ndarray]:
    """Return the frames as PyAV decodes them, in the file's own format; skip without PyAV."""
    av = pytest.importorskip("av", reason="pip install av")
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    own = {"bgr0": "rgb24"}
    return [frame.to_ndarray(format=own.get(f := frame.format.name, f)) for frame in frames]


def rate_of(path: Path) -> float:
    """Return the frames per second that OpenCV finds."""
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FPS)
