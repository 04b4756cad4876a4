# From common_code/exposures/tests/common/test_exposure_clips.py; edit it there, then tools/sync.py.
"""`run_fusion.py` from videos of exposures to a video."""

from pathlib import Path

import pytest

from tests.clips import get_clip, moving, put_clip
from tests.conftest import Call

FLAGS = [("--under", "--over"), ("--images",)]


def put_exposures(folder: Path) -> list[Path]:
    """Write a dark and a bright video of one scene."""
    frames = moving(0, 4, channels=3)
    dark = put_clip(folder / "dark.mp4", [frame // 2 for frame in frames])
    return [dark, put_clip(folder / "bright.mp4", [frame // 2 + 127 for frame in frames])]


@pytest.mark.parametrize("flags", FLAGS)
def test_exposures(tmp_path: Path, fuse: Call, flags: tuple[str, ...]) -> None:
    under, over = put_exposures(tmp_path)
    words = (flags[0], under, *flags[1:], over)
    done = fuse(*words, "--output", tmp_path / "fused.mp4")
    assert done.status == 0, done.err
    assert len(get_clip(tmp_path / "fused.mp4")) == 4


def test_videos_are_not_aligned(tmp_path: Path, fuse: Call) -> None:
    under, over = put_exposures(tmp_path)
    words = ("--under", under, "--over", over, "--align")
    done = fuse(*words, "--output", tmp_path / "fused.mp4")
    assert done.status == 1
    assert "--align would shift each frame of a video by itself" in done.err
    assert not (tmp_path / "fused.mp4").exists()
