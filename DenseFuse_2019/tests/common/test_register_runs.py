# From common_code/infrared/tests/common/test_register_runs.py; edit it there, then tools/sync.py.
"""`run_fusion.py --register` from end to end: files, videos, rigs and exit statuses."""

from pathlib import Path

import numpy as np
import pytest

from tests.clips import get_clip, put_clip
from tests.common.test_pair_reader import SHIFT, put_moved
from tests.common.test_registration import HEIGHT, WIDTH, infrared_of, scene, turned
from tests.conftest import Call
from tests.helpers import get, put, run_script
from utils.common.registration_csv import HEAD, read_table

AFFINE = ("--register", "affine")
INNER = np.s_[30:-30, 30:-30]


def put_pairs(folder: Path, count: int) -> tuple[object, ...]:
    """Write moved pairs 0, 1, ... and return the flags that fuse them."""
    for number in range(count):
        put_moved(folder, str(number), number)
    return ("--vis", folder / "vis", "--ir", folder / "ir", "--output", folder / "out")


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean absolute difference far from the border."""
    return float(np.abs(first[INNER].astype(int) - second[INNER]).mean())


def test_one_that_cannot_be_registered_fails_and_the_others_go_on(
    fuse: Call, tmp_path: Path, gray_weights: Path
) -> None:
    flags = (*put_pairs(tmp_path, 3), "--weights", gray_weights, *AFFINE)
    put(tmp_path / "ir" / "1.png", scene(11))
    done = run_script("run_fusion.py", *flags, "--device", "cpu")
    assert done.returncode == 1
    assert "error: could not register" in done.stderr
    assert "1 of 3 failed" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["0.png", "2.png"]
    assert fuse(*flags, "--overwrite", "--register_failed", "keep").status == 0
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_rig_fuses_as_its_table_does(fuse: Call, tmp_path: Path) -> None:
    flags = put_pairs(tmp_path, 3)
    put(tmp_path / "ir" / "1.png", scene(11))
    (tmp_path / "vis" / "2.png").write_bytes(b"")  # looked at for the rig, and fails by itself
    table = tmp_path / "rig.csv"
    found = fuse(*flags, *AFFINE, "--register_rig", "--register_to", table)
    assert found.status == 1
    assert "1 of 3 failed" in found.err
    assert list(read_table(table)) == ["*"]
    result = get(tmp_path / "out" / "0.png")
    again = fuse(*flags, "--overwrite", "--register_from", table)
    assert again.status == 1
    np.testing.assert_array_equal(get(tmp_path / "out" / "0.png"), result)
    still = infrared_of(scene(0), np.eye(3), (WIDTH, HEIGHT))
    put(tmp_path / "ir" / "0.png", still)
    assert fuse(*flags, "--overwrite").status == 1
    assert difference(get(tmp_path / "out" / "0.png"), result) < 3


def test_a_larger_field_of_view_is_drawn_on_the_visible_grid(fuse: Call, tmp_path: Path) -> None:
    visible = put(tmp_path / "v.png", np.dstack([scene()[:, 40:280]] * 3).astype(np.uint16) * 257)
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])  # centers of pixels are whole
    infrared = put(tmp_path / "i.png", infrared_of(scene(), twice, (2 * WIDTH, 2 * HEIGHT)))
    flags = ("--vis", visible, "--ir", infrared, "--output", tmp_path / "a.png")
    assert fuse(*flags, *AFFINE).status == 0
    fused = get(tmp_path / "a.png")
    assert (fused.shape[:2], fused.dtype) == ((240, 240), np.uint16)
    put(infrared, infrared_of(scene(), np.eye(3), (WIDTH, HEIGHT))[:, 40:280])
    assert fuse(*flags, "--overwrite").status == 0
    assert difference(fused // 257, get(tmp_path / "a.png") // 257) < 3


@pytest.mark.parametrize("stretch", ["none", "minmax"])
def test_outside_the_infrared_image_the_visible_one_is_kept(
    fuse: Call, tmp_path: Path, stretch: str
) -> None:
    job = put_moved(tmp_path, "a", 3)
    table = tmp_path / "a.csv"
    table.write_text(f"{','.join(HEAD)}\na,registered,1,1,0,80,0,1,0,0,0,1\n")
    flags = ("--vis", job.sources[0], "--ir", job.sources[1], "--output", job.output)
    assert fuse(*flags, "--register_from", table, "--stretch", stretch).status == 0
    fused, visible = get(job.output), get(job.sources[0])
    np.testing.assert_array_equal(fused[:, :80], visible[:, :80])
    assert difference(fused[:, 80:], visible[:, 80:]) > 3


def test_a_video_is_registered_frame_by_frame(fuse: Call, tmp_path: Path) -> None:
    warps = [SHIFT, SHIFT @ turned(0, 1, (1, 0)), SHIFT]  # the median is without the jump
    clips = {
        "vis.avi": [np.dstack([scene()] * 3)] * 3,
        "ir.avi": [infrared_of(scene(), warp, (WIDTH, HEIGHT)) for warp in warps],
        "still.avi": [infrared_of(scene(), np.eye(3), (WIDTH, HEIGHT))] * 3,
    }
    vis, ir, still = (put_clip(tmp_path / name, frames) for name, frames in clips.items())
    output, table = tmp_path / "fused.avi", tmp_path / "found.csv"
    flags = ("--vis", vis, "--output", output, "--register_to", table)
    assert fuse(*flags, "--ir", ir, *AFFINE).status == 0
    rows = read_table(table)
    assert list(rows) == ["vis 0", "vis 1", "vis 2"]
    np.testing.assert_allclose(rows["vis 2"].matrix, np.linalg.inv(SHIFT), atol=0.3)
    registered = get_clip(output)[2]
    assert fuse("--vis", vis, "--ir", still, "--output", output, "--overwrite").status == 0
    assert difference(registered, get_clip(output)[2]) < 4


def test_a_video_whose_first_frame_is_refused_is_not_written(fuse: Call, tmp_path: Path) -> None:
    vis = put_clip(tmp_path / "vis.avi", [scene()] * 2)
    ir = put_clip(tmp_path / "ir.avi", [scene(11)] * 2)
    flags = ("--vis", vis, "--ir", ir, "--output", tmp_path / "fused.avi", *AFFINE)
    outcome = fuse(*flags)
    assert (outcome.status, (tmp_path / "fused.avi").exists()) == (1, False)
    assert "frame 0: could not register" in outcome.err
    assert fuse(*flags, "--register_failed", "keep").status == 0
