# From common_code/base/tests/common/test_video_sources.py; edit it there, then tools/sync.py.
"""Videos that are fused have one rate and length; their ranges are smoothed over time."""

import argparse
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import moving, put_clip
from utils.common.pairs import FusionJob
from utils.common.sources import Notices, read_images
from utils.common.video_read import Video, open_video
from utils.common.video_sources import Smoothed, common_rate, expected_frames, read_sources
from utils.utils import InputError


def clips(folder: Path, *counts: int) -> list[Video]:
    """Write a video of each number of frames, and open them."""
    named = [(folder / f"{'abc'[n]}.mp4", count) for n, count in enumerate(counts)]
    return [open_video(put_clip(path, moving(0, count))) for path, count in named]


def read(videos: list[Video], start: int = 0, frames: int | None = None) -> list[list[np.ndarray]]:
    """Return the sources of each frame of the result."""
    job = FusionJob(tuple(video.path for video in videos), Path("fused.mp4"))
    args = argparse.Namespace(start=start, frames=frames)
    return list(read_sources(videos, read_images, job, args, Notices(False)))


def test_a_smoothed_range_follows_slowly() -> None:
    smoothed = Smoothed(Fraction(1))  # a frame is a time constant
    assert smoothed(10, 100) == (10, 100)
    assert smoothed(10, 200) == pytest.approx((10, 200 - 100 / math.e))
    assert smoothed(10, 200) == pytest.approx((10, 200 - 100 / math.e**2))


def test_one_frame_hardly_moves_a_smoothed_range() -> None:
    smoothed = Smoothed(Fraction(25))
    ranges = [smoothed(0, 240 if n == 3 else 100) for n in range(6)]
    assert [high for _, high in ranges[:3]] == [100] * 3
    assert ranges[3][1] == pytest.approx(100 + 140 * (1 - math.exp(-0.04)))  # 105.5
    assert 100 < ranges[5][1] < ranges[4][1] < ranges[3][1]


def test_rates(tmp_path: Path) -> None:
    first = clips(tmp_path, 2)[0]
    ntsc = replace(first, rate=Fraction(30000, 1001))
    assert common_rate([ntsc, replace(first, rate=Fraction("29.97"))]) == Fraction(30000, 1001)
    other = replace(first, path=Path("b.mp4"), rate=Fraction(30))
    with pytest.raises(InputError, match=r"a\.mp4 29\.97, b\.mp4 30 frames per second"):
        common_rate([ntsc, other])


def test_numbers_of_frames(tmp_path: Path) -> None:
    videos = clips(tmp_path, 8, 6)
    with pytest.raises(InputError, match=r"frames differ: \S*a\.mp4 8, \S*b\.mp4 6; --start"):
        expected_frames(videos, 0, None)
    assert expected_frames(videos, 2, 4) == 4
    with pytest.raises(InputError, match=r"b\.mp4 6; --start 2 --frames 5 needs 7"):
        expected_frames(videos, 2, 5)
    assert expected_frames(videos[:1], 3, None) == 5
    with pytest.raises(InputError, match=r"a\.mp4 8; --start 8 needs 9"):
        expected_frames(videos[:1], 8, None)


def test_frames_are_counted_where_files_are_wrong_or_silent(tmp_path: Path) -> None:
    videos = clips(tmp_path, 8, 8)
    for stated in (0, 5, 300):
        assert expected_frames([replace(videos[0], stated=stated), videos[1]], 0, None) == 8
    assert expected_frames([replace(video, stated=0) for video in videos], 0, None) == 8


def test_an_early_end_is_found_while_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = clips(tmp_path, 8, 6)
    with pytest.raises(InputError, match=r"frames differ: \S*a\.mp4 8, \S*b\.mp4 6"):
        read([videos[0], replace(videos[1], stated=8)])
    with pytest.raises(InputError, match=r"b\.mp4 6; --start 2 --frames 5 needs 7"):
        read([videos[0], replace(videos[1], stated=8)], 2, 5)
    assert len(read([replace(video, stated=9) for video in clips(tmp_path, 8, 8)])) == 8
    assert "a.mp4 states 9 frames and has 8" in capsys.readouterr().err


def test_a_part_is_read(tmp_path: Path) -> None:
    videos = clips(tmp_path, 8, 8)
    whole = read(videos)
    assert len(whole) == 8
    np.testing.assert_array_equal(read(videos, 2, 3), whole[2:5])
    np.testing.assert_array_equal(read(videos, 6), whole[6:])
