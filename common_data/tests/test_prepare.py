import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import prepare
import pytest

from public_sets.adopt import role_of
from public_sets.catalog import SETS, SPLITS, Archive, read_list

REFERENCE = Path(os.environ.get("REFERENCE_DATA", "absent")) / "data"


def draw(path: Path, value: int = 90, size: tuple[int, int] = (6, 8), channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if channels == 1 else (*size, channels)
    assert cv2.imwrite(str(path), np.full(shape, value, np.uint8))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def adopt(name: str, source: Path, output: Path, *more: str) -> int:
    return prepare.main([name, "--source", str(source), "--output", str(output), *more])


@pytest.mark.parametrize(
    ("ir", "vis"),
    [
        ("ir/01.png", "vis/01.png"),
        ("IR/01.png", "VI/01.png"),
        ("infrared/01.bmp", "visible/01.bmp"),
        ("deep/test/ir/01.png", "deep/test/vi/01.png"),
        ("IR01.bmp", "VIS01.bmp"),
        ("IR_01.png", "VIS_01.png"),
        ("01_ir.png", "01_vis.png"),
        ("cropinfrared/01.png", "crop_LR_visible/01.png"),
        ("M3FD/Challenge/Beach/Ir/01.png", "M3FD/Challenge/Beach/Vis/01.png"),
    ],
)
def test_usual_layouts_of_pairs(tmp_path: Path, ir: str, vis: str) -> None:
    draw(tmp_path / "in" / ir)
    draw(tmp_path / "in" / vis, channels=3)
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 0
    suffix = Path(ir).suffix
    assert names(tmp_path / "out") == [f"ir/01{suffix}", f"vis/01{suffix}"]


def test_splits_of_a_set_are_merged_and_other_parts_left_out(tmp_path: Path) -> None:
    for part, stem in (("train", "00001D"), ("test", "00004N"), ("detection", "1")):
        draw(tmp_path / "in" / part / "ir" / f"{stem}.png")
        draw(tmp_path / "in" / part / "vi" / f"{stem}.png", channels=3)
        draw(tmp_path / "in" / part / "Segmentation_labels" / f"{stem}.png", 2)
    assert adopt("msrs", tmp_path / "in", tmp_path / "out") == 0
    expected = [f"{role}/{s}.png" for role in ("ir", "labels", "vis") for s in ("00001D", "00004N")]
    assert names(tmp_path / "out") == expected


def test_folders_of_splits_become_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, stem in (("train", "010001"), ("train", "010002"), ("test", "190001")):
        for side in ("infrared", "visible"):
            draw(tmp_path / "llvip" / side / split / f"{stem}.jpg", size=(1024, 1280))
        for side in ("Infrared", "Visible", "Label", "color"):
            draw(tmp_path / "fmb" / split / side / f"{stem}.png", size=(600, 800))
    for name, roles in (("llvip", ["ir", "vis"]), ("fmb", ["ir", "labels", "vis"])):
        output = tmp_path / "out" / name
        assert adopt(name, tmp_path / name, output) == 0
        assert (output / "train.txt").read_text() == "010001\n010002\n"
        assert (output / "test.txt").read_text() == "190001\n"
        assert sorted(path.name for path in output.iterdir() if path.is_dir()) == roles
        assert adopt(name, tmp_path / name, output) == 0
    capsys.readouterr()
    assert prepare.main(["--check", "llvip", "--root", str(tmp_path / "out/llvip")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: train list holds 2 names, 12025 expected",
        "error: test list holds 1 names, 3463 expected",
    ]
    draw(tmp_path / "out/fmb/ir/190001.png", size=(600, 640))
    for role in ("ir", "vis", "labels"):
        draw(tmp_path / f"out/fmb/{role}/010001.png", size=(480, 640))
    assert prepare.main(["--check", "fmb", "--root", str(tmp_path / "out/fmb")]) == 1
    told = capsys.readouterr().err
    assert "010001: 640x480, expected 800x600" in told
    assert "190001: sizes (height, width) differ" in told
    assert "010002:" not in told


def test_different_images_of_one_name_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, value in (("M3FD_Detection", 20), ("M3FD_Fusion", 30)):
        for side in ("Ir", "Vis"):
            draw(tmp_path / "in" / part / side / "00001.png", value)
    assert adopt("m3fd", tmp_path / "in", tmp_path / "out") == 1
    assert "differ and are both ir of 00001" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert adopt("m3fd_fusion", tmp_path / "in/M3FD_Fusion", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["ir/00001.png", "vis/00001.png"]


@pytest.mark.parametrize("name", ["visitor.png", "irene.png", "street.png"])
def test_a_name_alone_is_no_role(tmp_path: Path, name: str) -> None:
    assert role_of(tmp_path / name, tmp_path) is None


def test_four_channels_are_split_in_the_right_order(tmp_path: Path) -> None:
    image = np.zeros((4, 5, 4), np.uint8)
    image[:] = (10, 20, 30, 200)
    (tmp_path / "in" / "images").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in/images/00001D.png"), image)
    draw(tmp_path / "in/labels/00001D.png", 1, (4, 5))
    (tmp_path / "in/train.txt").write_text("00001D\n")
    assert adopt("mfnet", tmp_path / "in", tmp_path / "out") == 0
    vis, ir = (
        cv2.imread(str(tmp_path / "out" / kind / "00001D.png"), -1) for kind in ("vis", "ir")
    )
    assert vis[0, 0].tolist() == [10, 20, 30]
    assert ir.shape == (4, 5)
    assert ir[0, 0] == 200
    assert (tmp_path / "out/train.txt").is_file()
    assert adopt("mfnet", tmp_path / "in", tmp_path / "out") == 0


def test_four_channels_are_required(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in/images/00001D.png", channels=3)
    assert adopt("mfnet", tmp_path / "in", tmp_path / "out") == 1
    assert "expected 4 channels" in capsys.readouterr().err


def test_exposures_get_their_names_by_brightness(tmp_path: Path) -> None:
    draw(tmp_path / "in/Lamp/A.png", 200)
    draw(tmp_path / "in/Lamp/B.png", 20)
    for value in (20, 90, 200):
        draw(tmp_path / f"in/train/Tree/{value}.png", value)
    assert adopt("mefb", tmp_path / "in", tmp_path / "out") == 0
    assert names(tmp_path / "out") == [
        "Lamp/over.png", "Lamp/under.png", "Tree/20.png", "Tree/200.png", "Tree/90.png"
    ]  # fmt: skip
    assert cv2.imread(str(tmp_path / "out/Lamp/under.png")).mean() == 20


def test_one_kind_of_image_is_not_laid_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "in/ir/01.png")
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 1
    assert "no infrared and visible images in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_photographs_are_gathered(tmp_path: Path) -> None:
    draw(tmp_path / "in/train2014/a.jpg", channels=3)
    assert adopt("coco", tmp_path / "in", tmp_path / "out") == 0
    assert names(tmp_path / "out") == ["a.jpg"]


def test_unmatched_stems_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for stem in ("01", "02"):
        draw(tmp_path / f"in/ir/{stem}.png")
    draw(tmp_path / "in/vis/01.png")
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 0
    assert "unmatched: 02 has no vis" in capsys.readouterr().out


def test_a_different_file_is_never_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for role in ("ir", "vis"):
        draw(tmp_path / f"in/{role}/01.png", 50)
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 0
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 0
    assert "2 kept" in capsys.readouterr().out
    draw(tmp_path / "in/ir/01.png", 60)
    assert adopt("tno", tmp_path / "in", tmp_path / "out") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert cv2.imread(str(tmp_path / "out/ir/01.png"), 0)[0, 0] == 50
    assert adopt("tno", tmp_path / "in", tmp_path / "out", "--overwrite") == 0
    assert cv2.imread(str(tmp_path / "out/ir/01.png"), 0)[0, 0] == 60


@pytest.mark.parametrize("kind", ["hard", "symbolic"])
def test_links(tmp_path: Path, kind: str) -> None:
    for role in ("ir", "vis"):
        draw(tmp_path / f"in/{role}/01.png")
    assert adopt("tno", tmp_path / "in", tmp_path / "out", "--link", kind) == 0
    assert (tmp_path / "out/ir/01.png").samefile(tmp_path / "in/ir/01.png")


def lay_out_tno(root: Path) -> None:
    for stem in read_list(SPLITS / "tno" / "test.txt"):
        draw(root / f"ir/{stem}.png")
        draw(root / f"vis/{stem}.png")


def test_check_passes_a_whole_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out_tno(tmp_path)
    assert prepare.main(["--check", "tno", "--root", str(tmp_path)]) == 0
    assert "21 of 21 present" in capsys.readouterr().out


def test_check_reports_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out_tno(tmp_path)
    (tmp_path / "vis/01.png").unlink()
    draw(tmp_path / "ir/02.png", size=(3, 3))
    (tmp_path / "ir/03.png").write_bytes(b"no image")
    assert prepare.main(["--check", "tno", "--root", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "20 of 21 present" in told.out
    for text in ("01 has no vis", "test list: 01 is missing", "02: sizes", "03.png cannot be read"):
        assert text in told.err


def test_check_falls_back_on_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for role in ("ir", "vis", "labels"):
        draw(tmp_path / role / "00001D.png")
    assert prepare.main(["--check", "mfnet", "--root", str(tmp_path)]) == 1
    assert "1 images without _flip, 1569 expected" in capsys.readouterr().err
    (tmp_path / "val.txt").write_text("00001D\n")
    assert prepare.main(["--check", "mfnet", "--root", str(tmp_path)]) == 1
    assert "val list holds 1 names, 392 expected" in capsys.readouterr().err


def test_check_of_scenes_and_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "mefb/Lamp/under.png")
    assert prepare.main(["--check", "mefb", "--root", str(tmp_path / "mefb")]) == 1
    assert "Lamp has 1 exposure(s)" in capsys.readouterr().err
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/a.jpg").write_bytes(b"html")
    assert prepare.main(["--check", "coco", "--root", str(tmp_path / "coco")]) == 1
    assert "not a JPEG" in capsys.readouterr().err


def test_download_unpacks_lays_out_and_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("cropinfrared", "crop_LR_visible"):
        draw(tmp_path / role / "FLIR_1.png")
    output = tmp_path / "out"
    output.mkdir()
    item = replace(SETS["roadscene"], archive=Archive("http://127.0.0.1:9/r.zip", 1))
    with zipfile.ZipFile(output / "r.zip", "w") as file:
        for role in ("cropinfrared", "crop_LR_visible"):
            file.write(tmp_path / role / "FLIR_1.png", f"R-master/{role}/FLIR_1.png")
    monkeypatch.setitem(prepare.SETS, "roadscene", item)
    assert prepare.main(["roadscene", "--output", str(output)]) == 0
    assert names(output) == ["ir/FLIR_1.png", "r.zip.sha256", "vis/FLIR_1.png"]


def test_errors_are_one_message_and_status_1(tmp_path: Path) -> None:
    command = [sys.executable, prepare.__file__, "tno"]
    for more, text in (
        ([], "figshare"),
        (["--source", str(tmp_path / "none")], "is not a folder (--source)"),
        (["--source", str(tmp_path)], "no infrared and visible images"),
    ):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert text in done.stderr
        assert "Traceback" not in done.stderr


def test_without_a_network_no_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = replace(SETS["roadscene"], archive=Archive("http://127.0.0.1:9/r.zip", 1))
    monkeypatch.setitem(prepare.SETS, "roadscene", item)
    assert prepare.main(["roadscene", "--output", str(tmp_path / "a/b")]) == 1
    assert "nothing was loaded" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_was_there_and_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    for role in ("ir", "vis"):
        draw(tmp_path / f"in/{role}/01.png")
    (tmp_path / "out/mine").mkdir(parents=True)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert adopt("tno", tmp_path / "in", tmp_path / "out", "--link", "hard") == 1
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["mine"]
    assert adopt("tno", tmp_path / "in", tmp_path / "new/out", "--link", "hard") == 1
    assert not (tmp_path / "new").exists()


def test_a_failure_after_the_download_keeps_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = replace(SETS["roadscene"], archive=Archive("http://127.0.0.1:9/r.zip", 1))
    monkeypatch.setitem(prepare.SETS, "roadscene", item)
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as file:
        file.writestr("R-master/README.md", "moved elsewhere")
    assert prepare.main(["roadscene", "--output", str(tmp_path)]) == 1
    assert names(tmp_path) == ["r.zip", "r.zip.sha256"]


@pytest.mark.parametrize("kind", ["loop", "file"])
def test_an_output_that_is_no_folder(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    if kind == "loop":
        output.symlink_to(tmp_path / "other")
        (tmp_path / "other").symlink_to(output)
    else:
        output.touch()
    for target in (output, output / "below") if kind == "loop" else (output,):
        assert adopt("tno", tmp_path, target) == 1
        message = "loop of symbolic links" if kind == "loop" else "is a file; expected a folder"
        assert (
            f"{target} (--output) is a {message.removeprefix('is a ')}" in capsys.readouterr().err
        )


def test_list_calls_a_set_present_when_all_of_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def state(name: str) -> str:
        assert prepare.main(["--list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        return next(line.split()[1] for line in lines if line.startswith(name))

    monkeypatch.setattr(prepare, "HERE", tmp_path)
    assert state("tno") == "absent"
    (tmp_path / "tno/ir").mkdir(parents=True)
    assert state("tno") == "absent"
    lay_out_tno(tmp_path / "tno")
    assert state("tno") == "present"
    (tmp_path / "tno/vis/42.png").unlink()
    assert state("tno") == "partial"
    draw(tmp_path / "coco/1.jpg")
    assert state("coco") == "partial"  # 82,783 belong to it
    for exposure in ("under", "over"):
        draw(tmp_path / f"mefb/Lamp/{exposure}.png")
    assert state("mefb") == "partial"
    for role in ("ir", "vis"):
        draw(tmp_path / f"mfnet/{role}/00001D.png")
    assert state("mfnet") == "absent"  # no pair with labels


def test_list_names_every_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in SETS)


def test_committed_splits_do_not_overlap() -> None:
    for item in SETS.values():
        lists = list(item.splits(Path("nowhere")).values())
        joined = [name for names_ in lists for name in names_]
        assert len(joined) == len(set(joined))


@pytest.mark.parametrize("name", ["tno", "roadscene", "mefb", "msrs"])
def test_local_copies_are_whole(name: str, tmp_path: Path) -> None:
    source = REFERENCE / name
    if not source.is_dir():
        pytest.skip(f"{source} is absent: it is not part of the repository")
    assert adopt(name, source, tmp_path, "--link", "symbolic") == 0
    assert prepare.main(["--check", name, "--root", str(tmp_path)]) == 0
