# From common_code/photographs/tests/common/test_bad_input.py; edit it there, then tools/sync.py.
"""Bad input ends in one clear line and a non-zero exit status, never in a traceback."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair, put_photos, run_script
from tests.method import OTHER_FUSION, SMALL

TINY = (*SMALL, "--num_epochs", 1, "--batch_size", 4)


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    """Flags of a sound pair and of a result."""
    ir, vis = put_pair(tmp_path, "a")
    return ["--ir", ir, "--vis", vis, "--output", tmp_path / "out" / "fused.png"]


@pytest.mark.slow
def test_by_a_real_command(tmp_path: Path) -> None:
    done = run_script(
        "run_fusion.py", "--ir", tmp_path / "ir", "--vis", tmp_path, "--device", "cpu"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    done = run_script("run_train.py", "--image_path", tmp_path / "absent", "--device", "cpu")
    assert done.returncode == 1
    assert f"error: no folder {tmp_path / 'absent'} (--image_path)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("make", [False, True])
def test_missing_or_empty_folder(tmp_path: Path, fuse: Call, train: Call, make: bool) -> None:
    folder = tmp_path / "nothing"
    if make:
        folder.mkdir()
    put_pair(tmp_path, "a")
    for outcome in (
        fuse("--ir", folder, "--vis", tmp_path / "vis", "--output", tmp_path / "out"),
        fuse("--ir", tmp_path / "ir", "--vis", folder, "--output", tmp_path / "out"),
        train("--image_path", folder, *TINY),
    ):
        assert outcome.status == 1
        assert f"error: no {'image in' if make else 'folder'} {folder} (--" in outcome.err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


def test_one_source_alone(tmp_path: Path, fuse: Call) -> None:
    ir, vis = put_pair(tmp_path, "a")
    assert "--vis is missing" in fuse("--ir", ir).err
    assert "--ir is missing" in fuse("--vis", vis).err
    assert "--images takes two or more paths" in fuse("--images", ir).err
    outcome = fuse("--images", ir, vis, "--ir", ir)
    assert outcome.status == 1
    assert "--ir and --images do not go together" in outcome.err


def test_unmatched_stems(tmp_path: Path, fuse: Call) -> None:
    put_pair(tmp_path, "a")
    put(tmp_path / "ir" / "lonely.png", picture(0, channels=1))
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
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
    vis = put(tmp_path / "vis.png", picture(0, 33, 47))
    ir = put(tmp_path / "ir.png", picture(1, 20, 31, channels=1))
    flags = ["--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png"]
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert f"{vis} 47x33, {ir} 31x20" in outcome.err
    assert "--resize ir or --resize vis" in outcome.err
    assert not (tmp_path / "fused.png").exists()
    for side, shape in (("ir", (33, 47, 3)), ("vis", (20, 31, 3))):
        assert fuse(*flags, "--resize", side, "--overwrite").status == 0
        assert get(tmp_path / "fused.png").shape == shape


def truncated(path: Path) -> bytes:
    return path.read_bytes()[: path.stat().st_size * 2 // 3]


def spoil(folder: Path, kind: str, infrared: bool = False) -> tuple[Path, str]:
    """Write a file that is no sound image and return it with a part of the message."""
    folder.mkdir(exist_ok=True)
    path = folder / f"a.{'jpg' if kind == 'jpeg' else 'png'}"
    if kind == "one pixel":
        put(path, picture(0)[:1, :1, 0])
        return path, "is 1x1; images need at least 2 pixels"
    if kind in ("jpeg", "png"):
        path.write_bytes(truncated(put(path, picture(0))))
        return path, "is cut short"
    if kind == "floats":
        path = path.with_suffix(".tif")
        path.write_bytes(cv2.imencode(".tif", picture(0)[..., 0].astype(np.float32))[1].tobytes())
        values = "physical values" if infrared else "float32 values"
        return path, f"holds {values}"
    path.write_bytes(b"" if kind == "empty" else b"a text under a wrong name\n")
    return path, "is empty (0 bytes)" if kind == "empty" else "is not an image"


KINDS = ("jpeg", "png", "empty", "text", "one pixel", "floats")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["ir", "vis"])
def test_unsound_image(tmp_path: Path, fuse: Call, kind: str, source: str) -> None:
    path, message = spoil(tmp_path / "bad", kind, source == "ir")
    good = put(tmp_path / "good.png", picture(0, channels=1))
    files = {"ir": good, "vis": good, source: path}
    output = tmp_path / "fused.png"
    outcome = fuse("--ir", files["ir"], "--vis", files["vis"], "--output", output)
    assert outcome.status == 1
    assert f"{path} {message}" in outcome.err
    assert not output.exists()


@pytest.mark.parametrize("kind", ["jpeg", "text"])
def test_unsound_photograph(tmp_path: Path, train: Call, kind: str) -> None:
    path, message = spoil(put_photos(tmp_path / "photos", 3), kind)
    outcome = train("--image_path", tmp_path / "photos", *TINY)
    assert outcome.status == 1
    assert f"{path} {message}" in outcome.err


def test_a_bad_pair_does_not_stop_the_others(tmp_path: Path, fuse: Call) -> None:
    for stem in ("a", "b", "c", "d", "e"):
        put_pair(tmp_path, stem)
    (tmp_path / "vis" / "b.png").write_bytes(b"")
    put(tmp_path / "ir" / "d.png", picture(0, 9, 9, channels=1))
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert sorted(p.stem for p in (tmp_path / "out").glob("*.png")) == ["a", "c", "e"]
    assert f"Output path: {tmp_path / 'out'} (3 images)" in outcome.out
    assert "b.png is empty" in outcome.err
    assert "sizes differ" in outcome.err
    assert "2 of 5 failed" in outcome.err


def test_colored_infrared(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0))
    ir = put(tmp_path / "ir.png", picture(1))
    flags = ["--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png"]
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert f"{ir} is a colored infrared image" in outcome.err
    assert "--ir_color luma" in outcome.err
    assert fuse(*flags, "--ir_color", "luma").status == 0


def test_unwritable_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    (tmp_path / "file").touch()
    for output in (tmp_path / "file" / "out", tmp_path / "file" / "fused.png"):
        outcome = fuse(*pair, "--output", output)
        assert outcome.status == 1
        assert "cannot make" in outcome.err
        assert str(tmp_path / "file") in outcome.err
    if not Path("/proc/version").exists():
        return
    outcome = fuse(*pair, "--output", "/proc/fused.png")
    assert outcome.status == 1
    assert "cannot write" in outcome.err
    assert "Output path" not in outcome.out


def test_output_of_an_unknown_format(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    vis = put(tmp_path / "deep.png", picture(0, dtype=np.uint16))
    outcome = fuse(*pair, "--vis", vis, "--output", tmp_path / "fused.jpg")
    assert outcome.status == 1
    assert "cannot hold 16 bits" in outcome.err


def test_existing_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    assert fuse(*pair).status == 0
    output = tmp_path / "out" / "fused.png"
    before = output.read_bytes()
    outcome = fuse(*pair, *OTHER_FUSION)
    assert outcome.status == 1
    assert f"{output} exists" in outcome.err
    assert "--overwrite" in outcome.err
    assert output.read_bytes() == before
    assert fuse(*pair, *OTHER_FUSION, "--overwrite").status == 0
    assert output.read_bytes() != before


def test_source_as_output(tmp_path: Path, fuse: Call, pair: list[object]) -> None:
    vis = tmp_path / "vis" / "a.png"
    before = vis.read_bytes()
    outcome = fuse(*pair, "--output", vis, "--overwrite")
    assert outcome.status == 1
    assert "is one of the sources" in outcome.err
    assert vis.read_bytes() == before


@pytest.mark.parametrize("val", [0, 0.3])
def test_loss_that_is_not_finite(tmp_path: Path, train: Call, val: float) -> None:
    photos = put_photos(tmp_path / "photos", 8)
    flags = ("--lr", 1e30, "--val_fraction", val, "--batch_size", 8 if val else 2)
    outcome = train("--image_path", photos, *SMALL, *flags)
    assert outcome.status == 1
    place = "the validation of epoch 1" if val else "epoch 1, step 2"
    assert f"error: the loss is not finite in {place}: loss = " in outcome.err
    for term in ("pixel_loss = ", "ssim_loss = ", "--lr"):
        assert term in outcome.err
    [run] = (tmp_path / "runs").iterdir()
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["last.pth"]
    last = torch.load(run / "checkpoints" / "last.pth", weights_only=True)
    assert all(value.abs().max() < 10 for value in last["model"].values())  # it is sound


def test_one_image_cannot_be_split(tmp_path: Path, train: Call) -> None:
    photos = put_photos(tmp_path / "photos", 3)
    outcome = train("--image_path", photos, *TINY, "--train_num", 1)
    assert outcome.status == 1
    assert "1 images are too few to split; add some, or --val_fraction 0" in outcome.err
