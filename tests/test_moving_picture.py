from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tools import moving_picture
from tools.moving_picture import CAPTION, GAP

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
WIDTH, HEIGHT = 64, 48


def put(path: Path, colors: list[tuple[int, int, int]], rate: int = 10) -> Path:
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, rate, (2 * WIDTH, 2 * HEIGHT))
    for color in colors:
        video.write(np.full((2 * HEIGHT, 2 * WIDTH, 3), color[::-1], np.uint8))
    video.release()
    return path


def draw(output: Path, **videos: Path) -> int:
    named = [f"{name}={path}" for name, path in videos.items()]
    return moving_picture.main([*named, "--output", str(output), "--width", str(WIDTH)])


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_frames_stand_side_by_side_for_as_long_as_in_the_videos(
    suffix: str, tmp_path: Path
) -> None:
    left = put(tmp_path / "left.avi", [RED, GREEN, BLUE])
    right = put(tmp_path / "right.avi", [BLUE, BLUE, WHITE])
    output = tmp_path / f"both{suffix}"
    assert draw(output, left=left, right=right) == 0
    with Image.open(output) as picture:
        assert picture.size == (2 * WIDTH + 3 * GAP, CAPTION + HEIGHT + GAP)
        assert picture.info["loop"] == 0
        expected = [(RED, BLUE), (GREEN, BLUE), (BLUE, WHITE)]
        for frame, colors in zip(ImageSequence.Iterator(picture), expected, strict=True):
            pixels = np.asarray(frame.convert("RGB"), int)
            assert frame.info["duration"] == 100  # milliseconds: 10 frames a second
            for column, color in enumerate(colors):
                x = GAP + column * (WIDTH + GAP)
                middle = pixels[CAPTION + HEIGHT // 2, x + WIDTH // 2]
                np.testing.assert_allclose(middle, color, atol=12)
                assert pixels[:CAPTION, x : x + WIDTH].min() < 128  # its name


def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = put(tmp_path / "one.avi", [RED]), put(tmp_path / "two.avi", [RED, RED])
    slow = put(tmp_path / "slow.avi", [RED], rate=5)
    output = tmp_path / "out.webp"
    for other, says in ((two, "b has 2 frames"), (slow, "b has 1 frames of 64x48, 5 a second")):
        with pytest.raises(SystemExit, match=says):
            draw(output, a=one, b=other)
    with pytest.raises(SystemExit, match=r"absent\.mp4 is not a video"):
        draw(output, a=tmp_path / "absent.mp4")
    for words, says in (
        (["one.avi", "--output", "a.webp"], "is not NAME=VIDEO"),
        (["a=one.avi", "--output", "a.mp4"], "ends in none of .webp .gif"),
    ):
        with pytest.raises(SystemExit):
            moving_picture.main(words)
        assert says in capsys.readouterr().err
    assert not output.exists()
