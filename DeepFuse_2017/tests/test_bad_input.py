"""Bad exposures end in one clear line and a non-zero exit status, never in a traceback."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.common.test_checkpoint import Trap
from tests.conftest import Call
from tests.helpers import get, picture, put, runs_of, scalars, weights_of
from tests.method import build
from tests.scenes import put_couple, put_scenes

SMALL = ("--crop_size", 16)
TINY = (*SMALL, "--num_epochs", 1)


@pytest.fixture
def couple(tmp_path: Path) -> list[object]:
    """Flags of two sound exposures and of a result."""
    under, over = put_couple(tmp_path, "a")
    return ["--under", under, "--over", over, "--output", tmp_path / "out" / "fused.png"]


@pytest.mark.parametrize("make", [False, True])
def test_missing_or_empty_folder(tmp_path: Path, fuse: Call, train: Call, make: bool) -> None:
    nothing = tmp_path / "nothing"
    if make:
        nothing.mkdir()
    put_couple(tmp_path, "a")
    output = ("--output", tmp_path / "out")
    for flag, outcome in (
        ("--under", fuse("--under", nothing, "--over", tmp_path / "over", *output)),
        ("--over", fuse("--under", tmp_path / "under", "--over", nothing, *output)),
        ("--images", fuse("--images", tmp_path / "under", tmp_path / "over", nothing, *output)),
        ("--scene_dir", fuse("--scene_dir", nothing, *output)),
        ("--image_path", train("--image_path", nothing, *TINY)),
    ):
        assert outcome.status == 1
        found = f"error: no {'image in' if make else 'folder'} {nothing} ({flag})"
        assert found in outcome.err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


def test_one_source_alone(tmp_path: Path, fuse: Call) -> None:
    under, over = put_couple(tmp_path, "a")
    assert "--over is missing" in fuse("--under", under).err
    assert "--under is missing" in fuse("--over", over).err
    assert "--images takes two or more paths" in fuse("--images", under).err


@pytest.mark.parametrize("flags", ["--over --images", "--under --scene_dir"])
def test_sources_named_in_two_ways(tmp_path: Path, fuse: Call, flags: str) -> None:
    under, _ = put_couple(tmp_path, "a")
    words = [word for flag in flags.split() for word in (flag, under)]
    outcome = fuse(*words)
    assert outcome.status == 1
    assert f"{flags.replace(' ', ' and ')} do not go together" in outcome.err


def test_unmatched_stems(tmp_path: Path, fuse: Call) -> None:
    put_couple(tmp_path, "a")
    put(tmp_path / "over" / "lonely.png", picture(0))
    folders = ("--under", tmp_path / "under", "--over", tmp_path / "over")
    flags = (*folders, "--output", tmp_path / "out")
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert "lonely.png" in outcome.err
    assert "--allow_unmatched" in outcome.err
    assert not (tmp_path / "out").exists()
    outcome = fuse(*flags, "--allow_unmatched")
    assert outcome.status == 0
    assert "lonely.png" in outcome.err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_size_mismatch(tmp_path: Path, fuse: Call) -> None:
    under = put(tmp_path / "s" / "under.png", picture(0, 33, 47))
    over = put(tmp_path / "s" / "over.png", picture(1, 20, 31))
    output = ("--output", tmp_path / "fused.png")
    for flags, sizes in (
        (("--under", under, "--over", over), f"{under} 47x33, {over} 31x20"),
        (("--images", over, under), f"{over} 31x20, {under} 47x33"),
        (("--scene_dir", under.parent), f"{over} 31x20, {under} 47x33"),
    ):
        outcome = fuse(*flags, *output)
        assert outcome.status == 1
        assert f"error: sizes differ: {sizes}" in outcome.err
        assert "--resize" not in outcome.err  # there is none
    assert not (tmp_path / "fused.png").exists()


def spoil(folder: Path, kind: str) -> tuple[Path, str]:
    """Write a file that is no sound image and return it with a part of the message."""
    folder.mkdir(exist_ok=True)
    path = folder / f"a.{'jpg' if kind == 'jpeg' else 'png'}"
    if kind == "one pixel":
        return put(path, picture(0)[:1, :1]), "is 1x1; images need at least 2 pixels"
    if kind in ("jpeg", "png"):
        whole = put(path, picture(0)).read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        return path, "is cut short"
    if kind == "floats":
        path = path.with_suffix(".tif")
        path.write_bytes(cv2.imencode(".tif", picture(0)[..., 0].astype(np.float32))[1].tobytes())
        return path, "holds float32 values"
    path.write_bytes(b"" if kind == "empty" else b"a text under a wrong name\n")
    return path, "is empty (0 bytes)" if kind == "empty" else "is not an image"


KINDS = ("jpeg", "png", "empty", "text", "one pixel", "floats")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["under", "over"])
def test_unsound_image(tmp_path: Path, fuse: Call, kind: str, source: str) -> None:
    path, message = spoil(tmp_path / "bad", kind)
    good = put(tmp_path / "good.png", picture(0))
    files = {"under": good, "over": good, source: path}
    output = tmp_path / "fused.png"
    outcome = fuse("--under", files["under"], "--over", files["over"], "--output", output)
    assert outcome.status == 1
    assert f"{path} {message}" in outcome.err
    assert not output.exists()


@pytest.mark.parametrize("kind", ["jpeg", "text", "one pixel"])
def test_unsound_photograph(tmp_path: Path, train: Call, kind: str) -> None:
    path, message = spoil(put_scenes(tmp_path / "scenes", 3) / "s01", kind)
    outcome = train("--image_path", tmp_path / "scenes", *TINY)
    assert outcome.status == 1
    assert f"{path} {message}" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_bad_scene_does_not_stop_the_others(tmp_path: Path, fuse: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 5, count=3)
    (scenes / "s01" / "y.png").write_bytes(b"")
    put(scenes / "s03" / "z.png", picture(0, 9, 9))
    outcome = fuse("--scene_dir", scenes, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert sorted(p.stem for p in (tmp_path / "out").glob("*.png")) == ["s00", "s02", "s04"]
    assert "(3 images)" in outcome.out
    assert f"{scenes / 's01' / 'y.png'} is empty" in outcome.err
    assert f"{scenes / 's03' / 'z.png'} 9x9" in outcome.err
    assert "2 of 5 failed" in outcome.err


def test_a_scene_with_one_exposure(tmp_path: Path, fuse: Call, train: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2)
    put(scenes / "lonely" / "only.png", picture(0))
    for flag, outcome in (
        ("--scene_dir", fuse("--scene_dir", scenes, "--output", tmp_path / "out")),
        ("--image_path", train("--image_path", scenes, *TINY)),
    ):
        assert outcome.status == 1
        message = f"scene lonely in {scenes} ({flag}) has one exposure, only.png; at least two"
        assert message in outcome.err
    outcome = fuse("--scene_dir", scenes / "lonely", "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "has one exposure, only.png" in outcome.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "runs").exists()


def test_exposures_of_different_sizes_in_training(tmp_path: Path, train: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2)
    put(scenes / "s01" / "small.png", picture(0, 20, 31))
    outcome = train("--image_path", scenes, *TINY)
    assert outcome.status == 1
    found = "small.png 31x20, y.png 47x33, z.png 47x33"
    assert f"error: sizes differ in {scenes / 's01'}: {found}" in outcome.err
    assert not (tmp_path / "runs").exists()


IDENTICAL = (picture(0), np.zeros_like(picture(0)), np.full_like(picture(0), 255))


@pytest.mark.parametrize("image", IDENTICAL, ids=["picture", "black", "white"])
def test_identical_exposures(tmp_path: Path, fuse: Call, train: Call, image: np.ndarray) -> None:
    for number in range(4):
        files = [put(tmp_path / "scenes" / f"{number}" / f"{n}.png", image) for n in "ab"]
    output = tmp_path / "out" / "fused.png"
    outcome = fuse("--images", *files, "--output", output)
    assert outcome.status == 0
    assert f"warning: {files[0]}, {files[1]} are identical" in outcome.err
    off = get(output).astype(int) - image
    assert np.abs(off).mean() < 25 or off.std() == 0  # nearly the source, or as flat as it is

    outcome = train("--image_path", tmp_path / "scenes", *TINY, "--val_fraction", 0.25)
    assert outcome.status == 0
    assert f"warning: the images of {files[0].parent} are identical" in outcome.err
    [run] = runs_of(tmp_path)
    for part in ("train", "val"):
        assert np.isfinite(scalars(run, f"loss/{part}")).all()
    assert all(value.isfinite().all() for value in weights_of(run).values())


def test_foreign_weights(tmp_path: Path, fuse: Call, train: Call, couple: list[object]) -> None:
    foreign = tmp_path / "foreign.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), foreign)
    scenes = put_scenes(tmp_path / "scenes", 3)
    for outcome in (
        fuse(*couple, "--weights", foreign),
        train("--image_path", scenes, *TINY, "--resume_path", foreign),
    ):
        assert outcome.status == 1
        assert f"{foreign} is not DeepFuse's: it holds 2 entries (weight, bias" in outcome.err
    assert not (tmp_path / "runs").exists()
    foreign.write_bytes(b"no checkpoint")
    outcome = fuse(*couple, "--weights", foreign)
    assert outcome.status == 1
    assert f"error: {foreign} " in outcome.err
    assert "no such file" in fuse(*couple, "--weights", tmp_path / "absent.pth").err


def test_a_pickle_with_code(tmp_path: Path, fuse: Call, train: Call, couple: list[object]) -> None:
    trap, made = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({**build().state_dict(), "extra": Trap(made)}, trap)
    scenes = put_scenes(tmp_path / "scenes", 3)
    for outcome in (
        fuse(*couple, "--weights", trap),
        train("--image_path", scenes, *TINY, "--resume_path", trap),
    ):
        assert outcome.status == 1
        assert f"{trap} was not loaded" in outcome.err
    assert not made.exists()
    pickle.loads(pickle.dumps(Trap(made)))  # the trap does work
    assert made.exists()


def test_unwritable_output(tmp_path: Path, fuse: Call, couple: list[object]) -> None:
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "out", tmp_path / "file" / "fused.png"):
        outcome = fuse(*couple, "--output", output)
        assert outcome.status == 1
        assert "cannot make" in outcome.err
        assert str(tmp_path / "file") in outcome.err
    if not Path("/proc/version").exists():
        return
    outcome = fuse(*couple, "--output", "/proc/fused.png")
    assert outcome.status == 1
    assert "cannot write" in outcome.err
    assert "Output path" not in outcome.out


def test_output_of_an_unfit_format(tmp_path: Path, fuse: Call, couple: list[object]) -> None:
    under = put(tmp_path / "deep.png", picture(0, dtype=np.uint16))
    outcome = fuse(*couple, "--under", under, "--output", tmp_path / "fused.jpg")
    assert outcome.status == 1
    assert "cannot hold 16 bits" in outcome.err
    assert not (tmp_path / "fused.jpg").exists()


def test_existing_output(tmp_path: Path, fuse: Call, couple: list[object]) -> None:
    assert fuse(*couple).status == 0
    output = tmp_path / "out" / "fused.png"
    before = output.read_bytes()
    outcome = fuse(*couple, "--gray")
    assert outcome.status == 1
    assert f"{output} exists" in outcome.err
    assert "--overwrite" in outcome.err
    assert output.read_bytes() == before
    assert fuse(*couple, "--gray", "--overwrite").status == 0
    assert output.read_bytes() != before


def test_source_as_output(tmp_path: Path, fuse: Call, couple: list[object]) -> None:
    for source in ("under", "over"):
        path = tmp_path / source / "a.png"
        before = path.read_bytes()
        outcome = fuse(*couple, "--output", path, "--overwrite")
        assert outcome.status == 1
        assert f"--output {path} is one of the sources" in outcome.err
        assert path.read_bytes() == before


@pytest.mark.parametrize("val", [0, 0.3])
def test_loss_that_is_not_finite(tmp_path: Path, train: Call, val: float) -> None:
    scenes = put_scenes(tmp_path / "scenes", 8)
    flags = ("--lr", 1e30, "--val_fraction", val, "--batch_size", 8 if val else 2)
    outcome = train("--image_path", scenes, *SMALL, *flags)
    assert outcome.status == 1
    place = "the validation of epoch 1" if val else "epoch 1, step 2"
    assert f"error: the loss is not finite in {place}: loss = " in outcome.err
    for term in ("mef_ssim_loss = ", "level_loss = ", "clipping_loss = ", "--lr"):
        assert term in outcome.err
    [run] = runs_of(tmp_path)
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["last.pth"]
    assert all(value.abs().max() < 10 for value in weights_of(run).values())  # it is sound
