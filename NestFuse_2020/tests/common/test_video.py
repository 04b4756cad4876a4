# From common_code/photographs/tests/common/test_video.py; edit it there, then tools/sync.py.
"""`run_fusion.py` from videos to a video."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.clips import get_clip, get_lossless, moving, put_clip, put_lossless, rate_of
from tests.conftest import Call
from tests.helpers import FOLDER, get, picture, put, quiet_environment


def put_pair_of_clips(folder: Path, count: int = 8, suffix: str = ".mp4") -> tuple[object, ...]:
    """Write a visible and an infrared video, and return the flags that name them."""
    vis = put_clip(folder / f"vis{suffix}", moving(0, count, channels=3))
    return "--vis", vis, "--ir", put_clip(folder / f"ir{suffix}", moving(1, count))


def put_deep_pair(folder: Path, count: int = 8) -> tuple[object, ...]:
    """Write lossless videos of 16 bits, and their frames as images, and return the flags."""
    visible, infrared = (moving(n, count, channels, np.uint16) for n, channels in ((0, 3), (1, 1)))
    for number, (first, second) in enumerate(zip(visible, infrared, strict=True)):
        put(folder / "vis" / f"{number}.png", first)
        put(folder / "ir" / f"{number}.png", second)
    vis = put_lossless(folder / "vis.mkv", visible)
    return "--vis", vis, "--ir", put_lossless(folder / "ir.mkv", infrared)


def test_frames_and_their_rate_are_kept(tmp_path: Path, fuse: Call) -> None:
    output = tmp_path / "out" / "fused.mp4"
    done = fuse(*put_pair_of_clips(tmp_path), "--output", output)
    assert done.status == 0, done.err
    assert len(get_clip(output)) == 8
    assert rate_of(output) == 25
    assert f"Output path: {output} (8 frames, " in done.out
    assert "frames per second" in done.out
    assert "8/8" in done.err
    assert [path.name for path in output.parent.iterdir()] == ["fused.mp4"]


def test_lossless_frames_are_the_fused_stills(tmp_path: Path, fuse: Call) -> None:
    flags = put_deep_pair(tmp_path)
    assert fuse(*flags, "--output", tmp_path / "fused.mkv").status == 0
    folders = ("--vis", tmp_path / "vis", "--ir", tmp_path / "ir")
    assert fuse(*folders, "--output", tmp_path / "stills").status == 0
    stills = [get(tmp_path / "stills" / f"{number}.png") for number in range(8)]
    assert stills[0].dtype == np.uint16
    np.testing.assert_array_equal(get_lossless(tmp_path / "fused.mkv"), stills)


def test_a_part_of_a_video(tmp_path: Path, fuse: Call) -> None:
    flags = put_deep_pair(tmp_path)
    assert fuse(*flags, "--output", tmp_path / "all.mkv").status == 0
    part = ("--start", 2, "--frames", 3, "--output", tmp_path / "part.mkv")
    assert fuse(*flags, *part).status == 0
    np.testing.assert_array_equal(
        get_lossless(tmp_path / "part.mkv"), get_lossless(tmp_path / "all.mkv")[2:5]
    )


def test_videos_that_differ(tmp_path: Path, fuse: Call) -> None:
    vis = put_clip(tmp_path / "vis.mp4", moving(0))
    short = put_clip(tmp_path / "short.mp4", moving(1, 5))
    slow = put_clip(tmp_path / "slow.mp4", moving(1), rate=12.5)
    small = put_clip(tmp_path / "small.mp4", [frame[:32, :32] for frame in moving(1)])
    output = tmp_path / "fused.mp4"
    for ir, words in (
        (short, f"{vis} 8, {short} 5"),
        (slow, f"{vis} 25, {slow} 12.5 frames per second"),
        (small, f"frame 0: sizes differ: {vis} 64x48, {small} 32x32; --resize ir"),
    ):
        done = fuse("--vis", vis, "--ir", ir, "--output", output)
        assert done.status == 1
        assert words in done.err
        assert not output.exists()
    assert fuse("--vis", vis, "--ir", short, "--frames", 5, "--output", output).status == 0
    flags = ("--ir", small, "--resize", "ir", "--overwrite", "--output", output)
    assert fuse("--vis", vis, *flags).status == 0


def test_paths_that_do_not_go_together(tmp_path: Path, fuse: Call) -> None:
    videos = put_pair_of_clips(tmp_path)
    image = put(tmp_path / "a.png", picture(0))
    images = ("--vis", image, "--ir", put(tmp_path / "b.png", picture(1, channels=1)))
    output = ("--output", tmp_path / "fused.mp4")
    for words, message in (
        (
            (*videos[:2], "--ir", image, *output),
            f"{image} (--ir) is not a video and {videos[1]} is",
        ),
        (
            (*videos[:2], "--ir", tmp_path / "no.avi", *output),
            f"no such file: {tmp_path / 'no.avi'}",
        ),
        ((*videos, "--output", tmp_path / "out"), "ends in one of .mp4"),
        ((*videos, "--output", tmp_path / "out.png"), "ends in one of .mp4"),
        ((*videos, "--output", tmp_path / "out.wmv"), "ends in one of .mp4"),
        (videos, "ends in one of .mp4"),
        ((*videos, "--output", videos[3], "--overwrite"), "is one of the sources"),
        ((*images, *output), "is a video and the sources are images"),
        ((*images, "--output", tmp_path / "out.png", "--frames", 3), "--frames chooses a part of"),
        ((*images, "--output", tmp_path / "out.png", "--start", 3), "--start chooses a part of"),
    ):
        done = fuse(*words)
        assert done.status == 1, words
        assert message in done.err
    left = {"a.png", "b.png", "ir.mp4", "vis.mp4"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_results_are_replaced_if_that_is_allowed(tmp_path: Path, fuse: Call) -> None:
    output = put_clip(tmp_path / "fused.mp4", moving(5, 2))
    flags = (*put_pair_of_clips(tmp_path), "--output", output)
    refused = fuse(*flags)
    assert (refused.status, len(get_clip(output))) == (1, 2)
    assert "--overwrite replaces" in refused.err
    assert fuse(*flags, "--overwrite").status == 0
    assert len(get_clip(output)) == 8


def test_any_registered_videos(tmp_path: Path, fuse: Call) -> None:
    paths = [put_clip(tmp_path / f"{n}.avi", moving(0, 4, channels=3)) for n in range(2)]
    done = fuse("--images", *paths, "--output", tmp_path / "fused.avi")
    assert done.status == 0
    assert len(get_clip(tmp_path / "fused.avi")) == 4
    assert done.err.count("are identical") == 1


def test_doubts_are_said_once(tmp_path: Path, fuse: Call) -> None:
    vis = put_clip(tmp_path / "vis.mp4", moving(0))
    ir = put_clip(tmp_path / "ir.mp4", [frame // 8 + 50 for frame in moving(1)])
    flags = ("--vis", vis, "--ir", ir, "--verbose", "--output", tmp_path / "fused.mp4")
    assert fuse(*flags).err.count("of the infrared values fill") == 1


def mean_levels(path: Path) -> np.ndarray:
    """Return the mean of each frame."""
    return np.array([frame.mean() for frame in get_clip(path)])


@pytest.mark.parametrize(
    "flags", [("--ir_range", "minmax"), ("--stretch", "minmax"), ("--stretch", "max")]
)
def test_a_hot_spot_in_one_frame_does_not_make_the_video_flicker(
    tmp_path: Path, fuse: Call, flags: tuple[str, ...]
) -> None:
    scene = picture(0, 48, 64, channels=1) // 4 + 30  # 30 to 93
    hot = scene.copy()
    hot[8:16, 8:16] = 250
    frames = [hot if number == 4 else scene for number in range(8)]
    vis = put_clip(tmp_path / "vis.mp4", [scene] * 8 if "--ir_range" in flags else frames)
    ir = put_clip(tmp_path / "ir.mp4", frames)
    output = tmp_path / "fused.mp4"
    assert fuse("--vis", vis, "--ir", ir, *flags, "--output", output).status == 0
    for number in (3, 4):
        for name, clip in (("vis", vis), ("ir", ir)):
            put(tmp_path / name / f"{number}.png", get_clip(clip)[number][..., 1])
    folders = ("--vis", tmp_path / "vis", "--ir", tmp_path / "ir", *flags)
    assert fuse(*folders, "--output", tmp_path / "stills").status == 0
    stills = [get(tmp_path / "stills" / f"{number}.png").mean() for number in (3, 4)]
    assert abs(stills[1] - stills[0]) > 30  # of 255; the range is 63 levels wide, then 220
    # A frame has 4 % of the weight: the range is 63 levels wide, then 69, a tenth more.
    assert np.abs(np.diff(mean_levels(output))).max() < 13


def test_a_video_that_ends_early_leaves_nothing(tmp_path: Path, fuse: Call) -> None:
    flags = put_pair_of_clips(tmp_path, 20, ".avi")
    ir = tmp_path / "ir.avi"
    ir.write_bytes(ir.read_bytes()[: ir.stat().st_size // 2])
    output = tmp_path / "out" / "fused.mp4"
    done = fuse(*flags, "--output", output)
    assert done.status == 1
    assert f"numbers of frames differ: {tmp_path / 'vis.avi'} 20, {ir} " in done.err
    assert list(output.parent.iterdir()) == []


def test_a_bad_frame_is_named_and_leaves_nothing(tmp_path: Path, fuse: Call) -> None:
    vis = put_clip(tmp_path / "vis.mp4", moving(0))
    color = [np.dstack([frame, frame // 2, frame // 4]) for frame in moving(1)]
    gray = [np.dstack([frame] * 3) for frame in moving(1)]
    ir = put_clip(tmp_path / "ir.avi", [*gray[:3], *color[3:]])
    output = tmp_path / "out" / "fused.mp4"
    done = fuse("--vis", vis, "--ir", ir, "--output", output)
    assert done.status == 1
    assert f"{output} was not written: frame 3: {ir} is a colored infrared image" in done.err
    assert list(output.parent.iterdir()) == []
    flags = ("--ir", ir, "--ir_color", "luma", "--output", output)
    assert fuse("--vis", vis, *flags).status == 0


def test_a_container_of_eight_bits(tmp_path: Path, fuse: Call) -> None:
    output = tmp_path / "out" / "fused.mp4"
    done = fuse(*put_deep_pair(tmp_path), "--output", output)
    assert done.status == 1
    assert (
        f"{output} holds 8 bits a channel and the result 16; let --output end in .mkv" in done.err
    )
    assert list(output.parent.iterdir()) == []


@pytest.mark.slow
def test_a_killed_run_leaves_no_result(tmp_path: Path, fuse: Call, gray_weights: Path) -> None:
    flags = put_pair_of_clips(tmp_path, 400)
    output = tmp_path / "out" / "fused.mp4"
    words = [*flags, "--output", output, "--weights", gray_weights, "--device", "cpu"]
    run = subprocess.Popen(
        [sys.executable, "run_fusion.py", *map(str, words)],
        cwd=FOLDER,
        env=quiet_environment(),
        stderr=subprocess.DEVNULL,
    )
    while run.poll() is None and not list(tmp_path.glob("out/.*")):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not output.exists()
    assert len(list(output.parent.iterdir())) == 1
    assert fuse(*flags, "--frames", 2, "--output", output).status == 0
    assert [path.name for path in output.parent.iterdir()] == ["fused.mp4"]
