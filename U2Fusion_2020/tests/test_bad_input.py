"""Bad pairs, exposures and weights end in one clear line and a non-zero exit status."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair, runs_of, scalars, weights_of
from tests.method import flags_of_pair, put_set, tiny
from tests.scenes import put_couple, put_scene, put_scenes

KINDS = ("jpeg", "png", "empty", "text", "one pixel", "floats")


NAMES = {"pair": ("vis", "ir"), "exposures": ("under", "over")}


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    return flags_of_pair(tmp_path)


@pytest.mark.parametrize("make", [False, True])
def test_missing_or_empty_folder(tmp_path: Path, fuse: Call, train: Call, make: bool) -> None:
    nothing = tmp_path / "nothing"
    if make:
        nothing.mkdir()
    put_pair(tmp_path, "a")
    put_couple(tmp_path, "a")
    output = ("--output", tmp_path / "out")
    for first, second in NAMES.values():
        for one, other in ((first, second), (second, first)):
            outcome = fuse(f"--{one}", nothing, f"--{other}", tmp_path / other, *output)
            assert outcome.status == 1
            found = f"error: no {'image in' if make else 'folder'} {nothing} (--{one})"
            assert found in outcome.err
    for flag, outcome in (
        ("--images", fuse("--images", tmp_path / "vis", tmp_path / "ir", nothing, *output)),
        ("--scene_dir", fuse("--scene_dir", nothing, *output)),
        ("--image_path", train("--tasks", "mef", "--image_path", nothing, *tiny())),
    ):
        assert outcome.status == 1
        assert f"error: no {'image in' if make else 'folder'} {nothing} ({flag})" in outcome.err
    for task, message in (("ivif", "cannot pair the images in"), ("mff", "no mff pairs in")):
        outcome = train("--tasks", task, f"--{task}_path", nothing, *tiny())
        found = message if make else "no folder"
        assert f"error: {found} {nothing} (--{task}_path)" in outcome.err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


def test_sources_that_do_not_go_together(tmp_path: Path, fuse: Call) -> None:
    files = dict(zip(("--ir", "--vis"), put_pair(tmp_path, "a"), strict=True))
    files |= dict(zip(("--under", "--over"), put_couple(tmp_path, "a"), strict=True))
    for one, other in (("--ir", "--vis"), ("--under", "--over")):
        assert f"{other} is missing; give both" in fuse(one, files[one]).err
        assert f"{one} is missing; give both" in fuse(other, files[other]).err
    assert "--images takes two or more paths" in fuse("--images", files["--ir"]).err
    for words in (("--ir", "--over"), ("--vis", "--under", "--over"), ("--ir", "--vis", "--under")):
        outcome = fuse(*(part for flag in words for part in (flag, files[flag])))
        assert outcome.status == 1
        assert " do not go together; name the sources in one way" in outcome.err
        assert all(flag in outcome.err for flag in words)
    outcome = fuse("--scene_dir", tmp_path, "--images", files["--ir"], files["--vis"])
    assert "--scene_dir and --images do not go together" in outcome.err


@pytest.mark.parametrize("kind", list(NAMES))
def test_unmatched_stems(tmp_path: Path, fuse: Call, kind: str) -> None:
    (put_pair if kind == "pair" else put_couple)(tmp_path, "a")
    first, second = NAMES[kind]
    put(tmp_path / second / "lonely.png", picture(0, channels=1))
    flags = (f"--{first}", tmp_path / first, f"--{second}", tmp_path / second)
    outcome = fuse(*flags, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert f"1 of 2 images in {tmp_path / second} (--{second}) have no partner" in outcome.err
    assert "lonely.png" in outcome.err
    assert "--allow_unmatched" in outcome.err
    assert not (tmp_path / "out").exists()
    outcome = fuse(*flags, "--output", tmp_path / "out", "--allow_unmatched")
    assert outcome.status == 0
    assert "left out lonely.png" in outcome.err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_size_mismatch(tmp_path: Path, fuse: Call) -> None:
    large = put(tmp_path / "s" / "large.png", picture(0, 33, 47))
    small = put(tmp_path / "s" / "small.png", picture(1, 20, 31, channels=1))
    for flags, resize in (
        (("--vis", large, "--ir", small), True),
        (("--under", large, "--over", small), False),
        (("--images", large, small), False),
        (("--scene_dir", tmp_path / "s"), False),
    ):
        outcome = fuse(*flags, "--output", tmp_path / "f.png")
        assert outcome.status == 1
        assert f"error: sizes differ: {large} 47x33, {small} 31x20" in outcome.err
        assert ("--resize ir or --resize vis" in outcome.err) == resize
    assert not (tmp_path / "f.png").exists()


def spoil(folder: Path, kind: str) -> tuple[Path, str]:
    """Write a file that is no sound image and return it with a part of the message."""
    folder.mkdir(exist_ok=True)
    path = folder / f"a.{'jpg' if kind == 'jpeg' else 'png'}"
    if kind == "one pixel":
        return put(path, picture(0)[:1, :1, 0]), "is 1x1; images need at least 2 pixels"
    if kind in ("jpeg", "png"):
        whole = put(path, picture(0)).read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        return path, "is cut short"
    if kind == "floats":
        path = path.with_suffix(".tif")
        path.write_bytes(cv2.imencode(".tif", picture(0)[..., 0].astype(np.float32))[1].tobytes())
        return path, "holds "  # physical values, or of a type that only infrared may have
    path.write_bytes(b"" if kind == "empty" else b"a text under a wrong name\n")
    return path, "is empty (0 bytes)" if kind == "empty" else "is not an image"


@pytest.mark.parametrize("kind", KINDS)
def test_unsound_image(tmp_path: Path, fuse: Call, kind: str) -> None:
    path, message = spoil(tmp_path / "bad", kind)
    good = put(tmp_path / "good.png", picture(0, channels=1))
    output = tmp_path / "out" / "fused.png"
    for names in NAMES.values():
        for one, other in (names, names[::-1]):
            outcome = fuse(f"--{one}", path, f"--{other}", good, "--output", output)
            assert outcome.status == 1
            assert f"{path} {message}" in outcome.err
    assert not output.exists()


@pytest.mark.parametrize(("task", "kind"), [("ivif", "jpeg"), ("mef", "text"), ("mff", "empty")])
def test_unsound_image_to_learn_from(tmp_path: Path, train: Call, task: str, kind: str) -> None:
    folder = put_set(tmp_path / "set", task, 3)
    bad = {"ivif": folder / "ir", "mef": folder / "s01", "mff": folder}[task]
    path, message = spoil(bad, kind)
    if task == "ivif":
        put(folder / "vis" / "a.png", picture(0))
    outcome = train("--tasks", task, "--image_path", folder, *tiny())
    assert outcome.status == 1
    assert f"{path} {message}" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_bad_job_does_not_stop_the_others(tmp_path: Path, fuse: Call) -> None:
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
        ("--mef_path", train("--tasks", "mef", "--mef_path", scenes, *tiny())),
    ):
        assert outcome.status == 1
        message = f"scene lonely in {scenes} ({flag}) has one exposure, only.png; at least two"
        assert message in outcome.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "runs").exists()


def test_colored_infrared(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0))
    ir = put(tmp_path / "ir.png", picture(1))
    flags = ("--ir", ir, "--vis", vis, "--output", tmp_path / "color.png", "--gray")
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert f"{ir} is a colored infrared image" in outcome.err
    assert "--ir_color luma" in outcome.err
    assert fuse(*flags, "--ir_color", "luma").status == 0
    luma = np.rint(picture(1) @ [0.299, 0.587, 0.114]).astype(np.uint8)
    gray = put(tmp_path / "gray.png", luma)
    flags = ("--ir", gray, "--vis", vis, "--output", tmp_path / "luma.png", "--gray")
    assert fuse(*flags).status == 0
    np.testing.assert_array_equal(get(tmp_path / "color.png"), get(tmp_path / "luma.png"))


IDENTICAL = (picture(0), np.zeros_like(picture(0)), np.full_like(picture(0), 255))


@pytest.mark.parametrize("image", IDENTICAL, ids=["picture", "black", "white"])
def test_identical_images(tmp_path: Path, fuse: Call, train: Call, image: np.ndarray) -> None:
    for number in range(3):
        files = [put(tmp_path / "set" / f"{number}" / f"{n}.png", image) for n in "ab"]
    output = tmp_path / "out" / "fused.png"
    outcome = fuse("--images", *files, "--output", output)
    assert outcome.status == 0
    assert f"warning: {files[0]}, {files[1]} are identical" in outcome.err
    assert (get(output).std() > 5) == (image.std() > 5)

    outcome = train("--tasks", "mef", "--image_path", tmp_path / "set", *tiny())
    assert outcome.status == 0
    assert f"warning: the images of {files[0].parent} are identical" in outcome.err
    [run] = runs_of(tmp_path)
    for part in ("train", "val"):
        assert np.isfinite(scalars(run, f"loss/{part}")).all()
    assert all(value.isfinite().all() for value in weights_of(run).values())


def test_unwritable_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "out", tmp_path / "file" / "fused.png"):
        outcome = fuse(*pair, "--output", output)
        assert outcome.status == 1
        assert "cannot make" in outcome.err
        assert str(tmp_path / "file") in outcome.err


def test_output_of_an_unfit_format(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    vis = put(tmp_path / "deep.png", picture(0, dtype=np.uint16))
    outcome = fuse(*pair, "--vis", vis, "--output", tmp_path / "fused.jpg")
    assert outcome.status == 1
    assert "cannot hold 16 bits" in outcome.err
    assert not (tmp_path / "fused.jpg").exists()


def test_existing_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    assert fuse(*pair).status == 0
    output = tmp_path / "out" / "fused.png"
    before = output.read_bytes()
    outcome = fuse(*pair, "--stretch", "minmax")
    assert outcome.status == 1
    assert f"{output} exists" in outcome.err
    assert "--overwrite" in outcome.err
    assert output.read_bytes() == before
    assert fuse(*pair, "--stretch", "minmax", "--overwrite").status == 0
    assert output.read_bytes() != before


def test_source_as_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    for source in ("ir", "vis"):
        path = tmp_path / source / "a.png"
        before = path.read_bytes()
        outcome = fuse(*pair, "--output", path, "--overwrite")
        assert outcome.status == 1
        assert f"--output {path} is one of the sources" in outcome.err
        assert path.read_bytes() == before


def test_tiny_images(tmp_path: Path, fuse: Call) -> None:
    files = put_scene(tmp_path / "s", count=3, size=(2, 3))
    assert fuse("--images", *files, "--output", tmp_path / "f.png").status == 0
    assert get(tmp_path / "f.png").shape == (2, 3, 3)


@pytest.mark.parametrize("val", [0, 0.3])
def test_loss_that_is_not_finite(tmp_path: Path, train: Call, val: float) -> None:
    """The optimizer spoils the weights at once, and the next loss tells."""
    pairs = put_set(tmp_path / "set", count=6)
    flags = ("--lr", 1e30, "--val_fraction", val, "--batch_size", 8 if val else 2)
    outcome = train("--image_path", pairs, *tiny(*flags))
    assert outcome.status == 1
    place = "the validation of epoch 1" if val else "epoch 1, step 2"
    assert f"error: the loss is not finite in {place}: loss = " in outcome.err
    for term in ("pixel_loss = ", "ssim_loss = ", "--lr"):
        assert term in outcome.err
    [run] = runs_of(tmp_path)
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["last.pth"]
    assert all(value.abs().max() < 10 for value in weights_of(run).values())  # it is sound
