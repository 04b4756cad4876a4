"""Flicker of videos and of folders of frames, against numbers worked by hand."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.flicker import flicker, main, measure, parse_args
from benchmark.tests.cli import save

STEADY = [100, 100, 100, 100]
RISING = [100, 104, 108, 112]
JUMPING = [100, 110, 100, 100]


def flat(*levels: float) -> list[NDArray[np.float64]]:
    return [np.full((32, 48), level, np.float64) for level in levels]


def test_changes_by_hand() -> None:
    left, right = np.zeros((4, 6)), np.zeros((4, 6))
    left[:, :3], right[:, 3:] = 60, 60  # half of the pixels change places
    changes = measure(iter([left, right, right + 20]))
    np.testing.assert_allclose(changes.brightness, [0, 20])
    np.testing.assert_allclose(changes.pixels, [60, 20])


def test_flicker_is_what_no_source_explains() -> None:
    steady, rising, jumping = (measure(iter(flat(*x))) for x in (STEADY, RISING, JUMPING))
    assert flicker(jumping, [steady, steady]) == pytest.approx((10 + 10 + 0) / 3)
    assert flicker(jumping, [steady, rising]) == pytest.approx((6 + 6 + 0) / 3)
    assert flicker(rising, [steady, jumping]) == pytest.approx((0 + 0 + 4) / 3)
    assert flicker(rising, [rising, steady]) == 0
    assert flicker(steady, [rising, jumping]) == 0


def put_frames(folder: Path, levels: list[int], dtype: type = np.uint8) -> Path:
    scale = 257 if dtype == np.uint16 else 1
    for number, frame in enumerate(flat(*levels)):
        save(folder / f"{number:04d}.png", (frame * scale).astype(dtype))
    return folder


def put_clip(path: Path, levels: list[int]) -> Path:
    code = cv2.VideoWriter.fourcc(*"MJPG")
    file = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (48, 32))
    for frame in flat(*levels):
        file.write(cv2.cvtColor(frame.astype(np.uint8), cv2.COLOR_GRAY2BGR))
    file.release()
    return path


def test_table_of_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = put_frames(tmp_path / "a", STEADY), put_frames(tmp_path / "b", RISING, np.uint16)
    fused = put_frames(tmp_path / "f", JUMPING)
    assert main(parse_args(["--sources", str(a), str(b), "--fused", f"X={fused}"])) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:2] == ["4", "frames;"]
    assert lines[2:] == [
        [str(a), "0.000", "0.000"],
        [str(b), "4.000", "4.000"],
        ["X", "6.667", "6.667", "4.000"],
    ]


def test_videos_and_folders_measure_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = put_frames(tmp_path / "a", STEADY)
    fused = [
        f"F={put_frames(tmp_path / 'f', JUMPING)}",
        f"V={put_clip(tmp_path / 'f.avi', JUMPING)}",
    ]
    assert main(parse_args(["--sources", str(source), "--fused", *fused])) == 0
    folder, video = (line.split() for line in capsys.readouterr().out.splitlines()[-2:])
    np.testing.assert_allclose(
        [float(x) for x in video[1:]], [float(x) for x in folder[1:]], atol=1
    )
    assert float(video[3]) > 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "a has 4 frames and short (--fused) 3"),
        ("single", "single (--fused): a single frame does not flicker"),
        ("sizes", "sizes (--fused): frame 1 has another size than the one before"),
        ("absent.mp4", "absent.mp4 (--fused): no such file: absent.mp4"),
        ("text.mp4", "text.mp4 is not a video that can be decoded"),
        ("empty", "no image"),
    ],
)
def test_what_cannot_be_measured(tmp_path: Path, name: str, message: str) -> None:
    put_frames(tmp_path / "a", STEADY)
    put_frames(tmp_path / "short", STEADY[:3])
    put_frames(tmp_path / "single", STEADY[:1])
    put_frames(tmp_path / "sizes", STEADY)
    save(tmp_path / "sizes/0001.png", np.zeros((10, 10), np.uint8))
    (tmp_path / "text.mp4").write_text("words")
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-m", "benchmark.flicker", "--sources", "a", "--fused", f"X={name}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
