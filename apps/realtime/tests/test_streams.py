"""`fuse.py --camera` on streams of other processes: pairs in step, stalls, ends."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from apps.realtime.cameras import rate_of
from apps.realtime.fuse import main
from apps.realtime.streams import Stream, next_frames
from apps.realtime.teacher import InputError
from apps.realtime.tests.conftest import MakeStudent

WIDTH, HEIGHT = 64, 48
WRITER = """
import sys, time
path, frames, stop_at, seconds, level = sys.argv[1], *map(float, sys.argv[2:])
with open(path, "wb") as file:
    file.write(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 Cmono\\n")
    for number in range(int(frames)):
        if number == stop_at:
            file.flush()
            time.sleep(seconds)
        file.write(b"FRAME\\n" + bytes([int(level) + 4 * number]) * (64 * 48))
"""

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
needs_av = pytest.mark.skipif(find_spec("av") is None, reason="av is not installed")


@contextmanager
def writer(
    path: Path, frames: int, stop_at: int = -1, seconds: float = 0, level: int = 0
) -> Iterator[None]:
    """Let another process write numbered frames of one value each: the level plus 4 times n."""
    words = [sys.executable, "-c", WRITER, path, frames, stop_at, seconds, level]
    process = subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def pipes(folder: Path) -> list[Path]:
    paths = [folder / "ir.y4m", folder / "vis.y4m"]
    for path in paths:
        os.mkfifo(path)
    return paths


def two_files(folder: Path, frames: int) -> list[Path]:
    paths = [folder / "ir.y4m", folder / "vis.y4m"]
    for path in paths:
        words = [sys.executable, "-c", WRITER, path, frames, -1, 0, 0]
        subprocess.run(list(map(str, words)), check=True)
    return paths


def values(path: Path) -> list[int]:
    """Return the value of each frame of a video without loss, which is the same in all pixels."""
    import av

    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            pixels = np.unique(frame.to_ndarray(format="gray"))
            assert len(pixels) == 1
            found.append(int(pixels[0]))
    return found


def arguments(student: MakeStudent, paths: Sequence[Path], output: Path) -> list[str]:
    words = ["--weights", student(average=True), "--camera", *paths, "--output", output]
    return [*map(str, words), "--threads", "1", "--device", "cpu"]


@needs_pipes
@needs_av
@pytest.mark.slow
def test_a_stream_that_stops_and_one_that_ends_early_stay_in_step(
    student: MakeStudent, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    infrared, visible = pipes(tmp_path)
    output = tmp_path / "fused.mkv"
    with writer(infrared, 40, stop_at=12, seconds=2, level=20), writer(visible, 30):
        assert main([*arguments(student, (infrared, visible), output), "--patience", "10"]) == 0
    assert values(output) == [10 + 4 * n for n in range(30)]  # of equal numbers
    printed = capfd.readouterr()
    assert "ir.y4m has given no frame for 1 seconds" in printed.err + printed.out
    assert "ir.y4m goes on after" in printed.err + printed.out
    assert "vis.y4m ended after 30 frames" in printed.err + printed.out
    assert "30 pairs were fused" in printed.err + printed.out


@needs_pipes
def test_a_stream_that_stalls_for_long_is_an_error(student: MakeStudent, tmp_path: Path) -> None:
    infrared, visible = pipes(tmp_path)
    with writer(infrared, 40, stop_at=30, seconds=60), writer(visible, 40):
        words = arguments(student, (infrared, visible), tmp_path / "fused.avi")
        with pytest.raises(InputError, match=r"ir\.y4m has given no frame for 2 seconds"):
            main([*words, "--patience", "2"])
    assert not (tmp_path / "fused.avi").exists()


def test_files_are_streams_too(student: MakeStudent, tmp_path: Path) -> None:
    paths = two_files(tmp_path, 9)
    output = tmp_path / "fused.avi"
    assert main([*arguments(student, paths, output), "--frames", "5"]) == 0
    [stream] = streams = [Stream(str(output))]
    frames = [next_frames(streams, 20, print) for _ in range(6)]
    assert [frame is None for frame in frames] == [False] * 5 + [True]
    assert rate_of([stream]) == 25


def test_what_cannot_be_opened_is_named(student: MakeStudent, tmp_path: Path) -> None:
    (tmp_path / "ir.y4m").write_bytes(b"no video")
    words = arguments(student, (tmp_path / "ir.y4m", tmp_path / "absent.y4m"), tmp_path / "o.avi")
    with pytest.raises(InputError, match="cannot be opened as a camera, video or stream"):
        main(words)


@pytest.mark.parametrize("words, message", [
    (["--camera", "0", "1"], "needs --window, or --output"),
    (["--camera", "0", "0", "--window"], "is there twice"),
    (["--camera", "0", "1", "--output", "x.png"], r"must end in one of \.mp4"),
    (["--camera", "0", "1", "--output", "x.mkv", "--register", "affine"], "--register_from"),
    (["--camera", "0", "1", "--output", "x.mkv", "--vis", "a.png"], "--camera and --vis"),
    (["--camera", "0", "1", "--output", "x.mkv", "--start", "3"], "--camera and --start"),
    (["--teacher", "deepfuse", "--camera", "0", "1"], "which deepfuse does not"),
    (["--window"], "--window shows the frames of --camera"),
])  # fmt: skip
def test_flags_that_do_not_go_together(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(words)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_a_window_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="no display for --window"):
        main(["--camera", "0", "1", "--window"])


def test_of_a_live_stream_the_newest_frame_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    read, end = threading.Event(), threading.Event()

    class Camera:
        """Delivers five frames at once, and ends later."""

        def __init__(self, number: int) -> None:
            self.left = list(range(5))

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def get(self, name: int) -> float:
            return 30.0

        def read(self) -> tuple[bool, int]:
            if self.left:
                return True, self.left.pop(0)
            read.set()
            end.wait(20)
            return False, -1

        def release(self) -> None:
            pass

    monkeypatch.setattr("cv2.VideoCapture", Camera)
    stream = Stream("7")
    assert stream.live
    assert read.wait(20)
    assert stream.take(1) == 4
    end.set()
    assert stream.take(20) is None
    assert stream.count == 1


@pytest.mark.parametrize("keys, visible, shown", [
    ([-1, -1, ord("q")], 1.0, 3),
    ([-1, 27], 1.0, 2),
    ([-1], 0.0, 1),  # closed by its button
])  # fmt: skip
def test_a_window_shows_frames_until_it_is_closed(
    student: MakeStudent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keys: list[int],
    visible: float,
    shown: int,
) -> None:
    frames: list[np.ndarray] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("cv2.namedWindow", lambda title, kind: None)
    monkeypatch.setattr("cv2.imshow", lambda title, frame: frames.append(frame))
    monkeypatch.setattr("cv2.waitKey", lambda delay: keys.pop(0))
    monkeypatch.setattr("cv2.getWindowProperty", lambda title, name: visible)
    monkeypatch.setattr("cv2.destroyAllWindows", lambda: None)
    words = ["--weights", student(average=True), "--camera", *two_files(tmp_path, 9), "--window"]
    assert main([*map(str, words), "--threads", "1", "--device", "cpu"]) == 0
    assert len(frames) == shown
    assert [frame[-1, -1].tolist() for frame in frames] == [[4 * n] * 3 for n in range(shown)]
    assert frames[0].max() == 255  # its number


def test_interrupting_finishes_the_video(
    student: MakeStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def next_or_stop(streams: list[Stream], patience: float, say: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return next_frames(streams, patience, print)

    monkeypatch.setattr("apps.realtime.cameras.next_frames", next_or_stop)
    output = tmp_path / "fused.avi"
    assert main(arguments(student, two_files(tmp_path, 9), output)) == 0
    streams = [Stream(str(output))]
    assert [next_frames(streams, 20, print) is None for _ in range(4)] == [False] * 3 + [True]
