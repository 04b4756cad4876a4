"""Frames of cameras, files and network streams that OpenCV opens, read in threads of their own."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cv2

from apps.realtime.teacher import InputError

AHEAD = 4  # frames of a file that are read before they are fused
OLDER = 0.5  # seconds: how often a stream that waits looks whether it is to stop


class Stream:
    """Frames of one source.

    A camera or a network stream goes on by itself: only its newest frame is kept. Of a file or a
    pipe, every frame is given.

    Args:
        name: A device's number, a file, a pipe, or an address such as rtsp://...

    Attributes:
        live: True of a camera or a network stream.
        count: How many frames were taken.
        rate: Frames per second that the source states, 0 if it does not.
        pixel_format: FFmpeg's four letters of it, as `utils.common.video_read` has them.
        problem: Why it gives no frames, if it could not be opened.
        ended: True after its last frame.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.live = name.isdecimal() or "://" in name
        self.count = 0
        self.rate = 0.0
        self.pixel_format = b""
        self.problem = ""
        self.ended = False
        self._stopped = threading.Event()
        self._frames: queue.Queue[Any] = queue.Queue(1 if self.live else AHEAD)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> Any:
        """Return the next frame, BGR or gray, or None if the stream has ended.

        Raises:
            TimeoutError: there is none within so many seconds.
        """
        if self.ended:
            return None
        try:
            frame = self._frames.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None
        self.ended = frame is None
        self.count += not self.ended
        return frame

    def newest(self, frame: Any) -> Any:
        """Return a newer frame than this one, if a live stream has one by now."""
        if not self.live:
            return frame
        with suppress(queue.Empty):
            newer = self._frames.get_nowait()
            self.ended = newer is None
            return frame if self.ended else newer
        return frame

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def _read(self) -> None:
        number = int(self.name) if self.name.isdecimal() else None
        capture = cv2.VideoCapture(self.name if number is None else number)
        try:
            if not capture.isOpened():
                self.problem = f"{self.name} cannot be opened as a camera, video or stream"
            self.rate = capture.get(cv2.CAP_PROP_FPS)
            code = int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
            self.pixel_format = code.to_bytes(4, "little")
            while not self._stopped.is_set():
                there, frame = capture.read()
                if not there:
                    break
                self._put(frame)
        finally:
            capture.release()
            self._put(None)

    def _put(self, frame: Any) -> None:
        """Keep a frame, or None as the end; of a live stream, drop an older one."""
        while not self._stopped.is_set():
            try:
                self._frames.put(frame, block=not self.live, timeout=OLDER)
            except queue.Full:
                if not self.live:
                    continue
                with suppress(queue.Empty):
                    self._frames.get_nowait()
            else:
                return


def next_frames(
    streams: Sequence[Stream], patience: float, say: Callable[[str], object]
) -> list[Any] | None:
    """Return a frame of each stream that belong together, or None if one has ended.

    Frames of files belong together by their numbers. Of live streams they are the newest.

    Args:
        streams: Two or more.
        patience: Seconds to wait for a frame. It is said after a tenth of it that a stream stalls.
        say: Is given messages.

    Raises:
        InputError: a stream cannot be opened, or gives no frame for so long.
    """
    frames = []
    for stream in streams:
        start = time.monotonic()
        try:
            frame = stream.take(patience / 10)
        except TimeoutError:
            say(f"{stream.name} has given no frame for {patience / 10:g} seconds; waiting")
            try:
                frame = stream.take(patience * 9 / 10)
            except TimeoutError:
                raise InputError(
                    f"{stream.name} has given no frame for {patience:g} seconds (--patience), "
                    f"after {stream.count} frames"
                ) from None
            say(f"{stream.name} goes on after {time.monotonic() - start:.1f} seconds")
        if stream.problem:
            raise InputError(stream.problem)
        if frame is None:
            return None
        frames.append(frame)
    return [stream.newest(frame) for stream, frame in zip(streams, frames, strict=True)]
