# From common_code/infrared/tests/common/test_pair_reader.py; edit it there, then tools/sync.py.
"""Pairs are read with the infrared image on the visible grid; tables, rigs and videos."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.clips import put_clip
from tests.common.test_registration import HEIGHT, WIDTH, infrared_of, scene, turned
from tests.helpers import put
from utils.common import rig
from utils.common.flags import FlagParser
from utils.common.fusion_flags import add_fusion_flags
from utils.common.infrared_pairs import add_pair_flags
from utils.common.pairs import FusionJob
from utils.common.registered_pairs import pair_reader, place
from utils.common.registration import Registration, describe
from utils.common.registration_csv import HEAD, add_row, read_table, start_table
from utils.common.rig import EVERY, Track, combine, find_rig
from utils.common.sources import Notices
from utils.utils import InputError

SHIFT = turned(0, 1, (12, -8))


def parse(*words: object) -> argparse.Namespace:
    parser = FlagParser()
    add_pair_flags(parser)
    add_fusion_flags(parser)
    return parser.parse_args([str(word) for word in words])


def put_moved(folder: Path, stem: str, seed: int, warp: np.ndarray = SHIFT) -> FusionJob:
    """Write a pair whose infrared image is moved, and return its job."""
    visible = put(folder / "vis" / f"{stem}.png", np.dstack([scene(seed)] * 3))
    moved = infrared_of(scene(seed), warp, (WIDTH, HEIGHT))
    infrared = put(folder / "ir" / f"{stem}.png", moved)
    return FusionJob((visible, infrared), folder / "out" / f"{stem}.png", "pair")


def read(job: FusionJob, *words: object) -> list[np.ndarray]:
    args = parse(*words)
    return pair_reader(args, [job])(job, args, Notices(verbose=False))


def test_the_infrared_image_comes_onto_the_visible_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = put_moved(tmp_path, "a", 3)
    still = infrared_of(scene(3), np.eye(3), (WIDTH, HEIGHT)).astype(int)
    _, infrared = read(job, "--register", "affine")
    inner = np.s_[30:-30, 30:-30]
    assert np.abs(infrared[inner] - still[inner]).mean() < 3
    assert "a: registered, shift -12.0 +8.0 pixels" in capsys.readouterr().err
    _, as_it_is = read(job, "--register", "none")
    assert np.abs(as_it_is[inner] - still[inner]).mean() > 10


def test_what_cannot_be_registered(tmp_path: Path) -> None:
    job = put_moved(tmp_path, "a", 3)
    put(job.sources[1], scene(11)[::2, ::2])
    with pytest.raises(InputError, match=r"could not register .*ir/a\.png onto .*register_failed"):
        read(job, "--register", "affine")
    _, infrared = read(job, "--register", "affine", "--register_failed", "keep")
    assert infrared.shape == (HEIGHT, WIDTH)


def test_where_there_is_no_infrared_the_visible_image_stays() -> None:
    visible = np.random.default_rng(0).integers(0, 65536, (40, 100, 3)).astype(np.uint16)
    infrared = np.full((40, 100), 200, np.uint8)
    sources = place(visible, infrared, np.array([[1, 0, 30], [0, 1, 0], [0, 0, 1.0]]))
    share = sources.share
    assert (share[:, :29] == 0).all()
    assert (share[:, 40:] == 1).all()  # the image's own border is not feathered
    assert (np.diff(share, axis=1) >= 0).all()
    assert ((share > 0) & (share < 1)).any()
    fused = np.full((40, 100, 3), 1000, np.uint16)
    result = sources.keep_first(fused)
    np.testing.assert_array_equal(result[:, :29], visible[:, :29])
    np.testing.assert_array_equal(result[:, 40:], fused[:, 40:])
    luma = np.rint(visible @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(sources.keep_first(fused[..., 0])[:, :29], luma[:, :29], atol=1)


def test_a_table_is_written_and_read(tmp_path: Path) -> None:
    jobs = [put_moved(tmp_path, name, seed) for name, seed in (("a", 3), ("b", 5))]
    path = tmp_path / "new" / "found.csv"
    args = parse("--register", "affine", "--register_to", path)
    reader = pair_reader(args, jobs)
    found = [reader(job, args, Notices(verbose=False))[1] for job in jobs]
    with path.open() as file:
        assert file.readline().rstrip().split(",") == HEAD
    for job, infrared in zip(jobs, found, strict=True):
        again = read(job, "--register_from", path)[1]
        assert np.abs(again.astype(int) - infrared).max() <= 1
    with pytest.raises(InputError, match=r"found\.csv \(--register_to\) exists; --overwrite"):
        pair_reader(args, jobs)
    with pytest.raises(InputError, match=r"has no row c"):
        read(put_moved(tmp_path, "c", 7), "--register_from", path)


def test_a_transform_from_elsewhere(tmp_path: Path) -> None:
    job = put_moved(tmp_path, "a", 3)
    path = tmp_path / "rig.csv"
    cells = np.linalg.inv(SHIFT).ravel()
    path.write_text(f"{','.join(HEAD)}\n*,registered,1,{','.join(map(str, cells))}\n")
    _, infrared = read(job, "--register_from", path)
    moved = cv2.imread(str(job.sources[1]), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(infrared[16:-20, 20:-20], moved[8:-28, 32:-8])  # by (12, -8)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,registered,1,1,0,0,0,1,0,0,0", "line 2: nothing in h33"),
        ("a,registered,1,1,0,0,0,x,0,0,0,1", "could not convert string to float: 'x'"),
        ("a,registered,1,1,0,0,1,0,0,0,0,1", "no transform"),
        ("a,registered,1,1,0,nan,0,1,0,0,0,1", "no transform"),
        ("a,fine,1,1,0,0,0,1,0,0,0,1", "status fine; it is one of registered"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{','.join(HEAD)}\n{row}\n")
    with pytest.raises(InputError, match=message):
        read_table(path)
    good = describe(np.eye(3), (4, 4), (4, 4), 1.0)
    start_table(path, overwrite=True)
    add_row(path, "a", good)
    add_row(path, "a", good)
    with pytest.raises(InputError, match="line 3: a is there twice"):
        read_table(path)


def test_one_transform_for_a_rig(tmp_path: Path) -> None:
    wrong = turned(0, 1, (-15, 10))
    warps = (SHIFT, SHIFT, wrong, SHIFT)
    jobs = [put_moved(tmp_path, str(n), n, warp) for n, warp in enumerate(warps)]
    put(jobs[3].sources[1], scene(11))
    path = tmp_path / "rig.csv"
    args = parse("--register", "affine", "--register_rig", "--register_to", path)
    found, origin = find_rig(jobs, args)
    np.testing.assert_allclose(found.matrix, np.linalg.inv(SHIFT), atol=0.5)
    assert origin.startswith("from 3 of 4 pairs")
    reader = pair_reader(args, jobs)
    notices = Notices(verbose=False)
    for job in jobs:  # also the one that could not be registered by itself
        assert len(reader(job, args, notices)) == 2
    assert list(read_table(path)) == ["*"]


def test_the_median_leaves_out_what_is_far_off() -> None:
    size = (HEIGHT, WIDTH)
    found = [
        describe(turned(angle, scale, (dx, 0)), size, size, 1.0)
        for angle, scale, dx in ((0, 1, 10), (0.1, 1, 10.2), (-0.1, 1, 9.9), (4, 1.2, -60))
    ]
    middle = combine(found, size, size)
    assert middle.shift == pytest.approx((9.95, 0), abs=0.2)
    assert middle.rotation == pytest.approx(0, abs=0.2)


def test_a_video_is_smoothed_and_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    size, frame = (HEIGHT, WIDTH), scene()
    sight: list[float | None] = [None]  # by how much the camera is off, None for what is refused

    def register(visible: np.ndarray, infrared: np.ndarray, model: str) -> Registration:
        return describe(turned(0, 1, (sight[0] or 0, 0)), size, size, 0 if sight[0] is None else 1)

    monkeypatch.setattr(rig, "register", register)
    track = Track("affine")

    def see(shift: float | None) -> float:
        sight[0] = shift
        return track(frame, frame).shift[0]

    assert track(frame, frame).status == "could not register"
    assert [see(6) for _ in range(EVERY)] == pytest.approx([6] * EVERY)
    assert see(None) == pytest.approx(6)  # frame 26: not looked at
    while track.number % EVERY:
        see(10)
    assert see(None) == pytest.approx(6)  # refused: kept
    moving = np.array([6, *(see(10) for _ in range(60))])
    left = 10 - moving
    assert left[1:] == pytest.approx(0.9 * left[:-1])  # a tenth of the way a frame
    assert see(10) == pytest.approx(10, abs=0.01)


def test_a_rig_of_a_video(tmp_path: Path) -> None:
    paths = (
        put_clip(tmp_path / "vis.avi", [scene()] * 4),
        put_clip(tmp_path / "ir.avi", [infrared_of(scene(), SHIFT, (WIDTH, HEIGHT))] * 4),
    )
    job = FusionJob(paths, tmp_path / "fused.avi", "pair")
    found, origin = find_rig([job], parse("--register", "affine", "--register_rig"))
    np.testing.assert_allclose(found.matrix, np.linalg.inv(SHIFT), atol=0.5)
    assert origin.startswith("from 4 of 4 pairs")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--register", "affine", "--register_from", "a.csv"), "give one"),
        (("--register_rig",), "--register_rig needs --register"),
        (("--register_to", "a.csv"), "--register_to needs --register"),
        (("--register", "affine", "--resize", "ir"), "leave --resize out"),
    ],
)
def test_flags_that_do_not_go_together(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pair_reader(parse(*words))
