# From common_code/base/tests/common/test_pairs.py; edit it there, then tools/sync.py.
"""Which files are fused with which, and what the result is called."""

from pathlib import Path

import pytest

from tests.helpers import picture, put
from utils.common.names import file_role, folder_role, strip_mark
from utils.common.pairs import (
    FusionJob,
    UnmatchedError,
    check_outputs,
    find_pairs,
    non_empty,
    plan_jobs,
)
from utils.utils import InputError

FLAGS = ["--vis", "--ir"]
PAIR = ("vis", "ir")


def folders(tmp_path: Path, visible: list[str], infrared: list[str]) -> list[Path]:
    for kind, names in (("vis", visible), ("ir", infrared)):
        (tmp_path / kind).mkdir()
        for name in names:
            put(tmp_path / kind / name, picture(0, 4, 4))
    return [tmp_path / "vis", tmp_path / "ir"]


@pytest.mark.parametrize(
    ("visible", "infrared", "name"),
    [
        ("1.png", "1.bmp", "1"),
        ("VIS1.png", "IR1.png", "1"),
        ("a_vis.png", "a_ir.jpg", "a"),
        ("vi_a.png", "ir_a.png", "a"),
        ("night-visible.png", "night-infrared.png", "night"),
        ("FLIR_07_RGB.png", "FLIR_07_thermal.png", "FLIR_07"),
        ("12vis.png", "12ir.png", "12"),
        ("a.b vis.tif", "a.b ir.png", "a.b"),
        ("fire.png", "fire.png", "fire"),  # no separator: `ir` is part of the word
        ("vision.png", "vision.png", "vision"),
        ("vis.png", "ir.png", None),
    ],
)
def test_pairs_by_stem(tmp_path: Path, visible: str, infrared: str, name: str | None) -> None:
    places = folders(tmp_path, [visible], [infrared])
    if name is None:
        with pytest.raises(InputError, match="no partner"):
            find_pairs(places, FLAGS, roles=PAIR)
    else:
        expected = {name: (places[0] / visible, places[1] / infrared)}
        assert find_pairs(places, FLAGS, roles=PAIR) == expected


def test_a_mark_belongs_to_its_role() -> None:
    assert strip_mark("ir_1", "vis") == "ir_1"
    assert strip_mark("vis_1", "ir") == "vis_1"
    assert strip_mark("ir_1", None) == "ir_1"
    assert [file_role(stem) for stem in ("IR1", "ir", "a_RGB", "fire")] == ["ir", "ir", "vis", None]


FOLDERS = {
    "vis": ("vis", "vi", "Visible", "RGB", "VIS_images", "crop_LR_visible"),
    "ir": ("ir", "inf", "INFRARED", "thermal", "lwir", "INF_images", "cropinfrared"),
    None: ("labels", "images", "fusion", "first", "environment"),
}


@pytest.mark.parametrize("role", FOLDERS)
def test_names_of_folders(role: str | None) -> None:
    assert {folder_role(name) for name in FOLDERS[role]} == {role}


def test_two_files_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    files = [put(tmp_path / "day.png", picture(0)), put(tmp_path / "heat.png", picture(0))]
    assert find_pairs(files, FLAGS) == {"day": tuple(files)}


def test_junk_is_no_image(tmp_path: Path) -> None:
    places = folders(tmp_path, ["1.png"], ["1.png"])
    for name in ("Thumbs.db", ".DS_Store", "._2.png", "desktop.ini"):
        (places[0] / name).write_bytes(b"junk")
    assert list(find_pairs(places, FLAGS)) == ["1"]


def test_unmatched_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = folders(tmp_path, ["1.png", "2.png", "5.png"], ["1.png", "3.png", "5.png"])
    with pytest.raises(UnmatchedError, match=r"1 of 3 .*--vis.*2\.png"):
        find_pairs(places, FLAGS)
    assert list(find_pairs(places, FLAGS, allow_unmatched=True)) == ["1", "5"]
    warnings = capsys.readouterr().err
    assert "2.png" in warnings
    assert "3.png" in warnings


def test_nothing_in_common(tmp_path: Path) -> None:
    places = folders(tmp_path, ["1.png"], ["2.png"])
    with pytest.raises(InputError, match=r"no image of .*\(--vis\) has a partner in .*\(--ir\)"):
        find_pairs(places, FLAGS, allow_unmatched=True)


def test_ambiguous_names(tmp_path: Path) -> None:
    places = folders(tmp_path, ["1.png", "vis_1.png"], ["1.png"])
    with pytest.raises(
        InputError, match=r"1\.png and vis_1\.png in .* \(--vis\) have the same name"
    ):
        find_pairs(places, FLAGS, roles=PAIR)


def test_a_file_and_a_folder(tmp_path: Path) -> None:
    places = folders(tmp_path, ["1.png"], ["1.png"])
    with pytest.raises(InputError, match=r"1\.png is a file and not all of --vis --ir are"):
        find_pairs([places[0] / "1.png", places[1]], FLAGS)


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_and_empty_folders(tmp_path: Path, missing: int) -> None:
    places = folders(tmp_path, ["1.png"], ["1.png"])
    places[missing] = tmp_path / "absent"
    with pytest.raises(InputError, match=rf"no folder .*absent \({FLAGS[missing]}\)"):
        find_pairs(places, FLAGS)
    places[missing].mkdir()
    with pytest.raises(InputError, match=rf"no image in .*absent \({FLAGS[missing]}\)"):
        find_pairs(places, FLAGS)


def test_results_of_a_folder_and_of_a_file(tmp_path: Path) -> None:
    sources = (tmp_path / "vis" / "a.jpg", tmp_path / "ir" / "a.png")
    [job] = plan_jobs({"a": sources}, tmp_path / "out", False)
    assert job.output == tmp_path / "out" / "a.png"
    [job] = plan_jobs({"a": sources}, tmp_path / "fused.TIF", False)
    assert job.output == tmp_path / "fused.TIF"
    with pytest.raises(InputError, match="is one file for 2 pairs"):
        plan_jobs({"a": sources, "b": sources}, tmp_path / "fused.png", False)


def test_existing_results_and_sources_are_safe(tmp_path: Path) -> None:
    places = folders(tmp_path, ["1.png"], ["1.png"])
    pairs = find_pairs(places, FLAGS)
    put(tmp_path / "out" / "1.png", picture(0))
    with pytest.raises(InputError, match=r"out/1\.png exists .*--overwrite"):
        plan_jobs(pairs, tmp_path / "out", False)
    assert len(plan_jobs(pairs, tmp_path / "out", True)) == 1
    with pytest.raises(InputError, match="is one of the sources"):
        plan_jobs(pairs, places[0], True)


def test_a_source_is_safe_under_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = folders(tmp_path, ["1.png"], ["1.png"])
    pairs = find_pairs(places, FLAGS)
    (tmp_path / "link").symlink_to(places[0], target_is_directory=True)
    (tmp_path / "linked.png").symlink_to(places[1] / "1.png")
    monkeypatch.chdir(tmp_path)
    outputs = ("link", "linked.png", "vis", "vis/1.png", "ir/../vis", str(places[1]))
    for output in map(Path, outputs):
        with pytest.raises(InputError, match="is one of the sources"):
            plan_jobs(pairs, output, True)


@pytest.mark.parametrize("output", ["loop", "loop/out", "gone", "loop.png"])
def test_output_through_a_link_that_leads_nowhere(tmp_path: Path, output: str) -> None:
    for name in ("loop", "loop.png"):
        (tmp_path / name).symlink_to(tmp_path / name)
    (tmp_path / "gone").symlink_to(tmp_path / "absent")
    sources = (tmp_path / "vis" / "a.jpg", tmp_path / "ir" / "a.png")
    with pytest.raises(InputError, match="is a symbolic link to itself or to nothing"):
        plan_jobs({"a": sources}, tmp_path / output, True)


def test_two_jobs_of_one_result_are_refused(tmp_path: Path) -> None:
    jobs = [FusionJob((tmp_path / n, tmp_path / "ir"), tmp_path / "out" / "1.png") for n in "ab"]
    check_outputs(jobs[:1], overwrite=True)
    with pytest.raises(InputError, match=r"a and .*b have the same result, .*1\.png"):
        check_outputs(jobs, overwrite=True)


def test_marks_and_flags_may_differ(tmp_path: Path) -> None:
    sides = folders(tmp_path, ["VIS1.png"], ["IR1.png", "IR2.png"])
    words = (["--set"] * 2, False, PAIR)
    with pytest.raises(InputError, match=r"1 of 2 .*\(--set\) have no .*pair by stem$"):
        find_pairs(sides, *words)
    (tmp_path / "ir" / "IR2.png").unlink()
    assert list(find_pairs(sides, *words)) == ["1"]


def test_folders_that_hold_files(tmp_path: Path) -> None:
    names = [tmp_path / n for n in ("absent", "empty", "hollow", "full")]
    for folder in (names[1], names[2] / "ir", names[3] / "ir"):
        folder.mkdir(parents=True)
    (names[3] / "ir" / "a.png").touch()
    assert [non_empty(folder) for folder in names] == [False, False, False, True]
