"""Multi-focus sets: how they are found, fused and scored."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.focus_sets import find_scenes
from benchmark.image_sets import find_set, stage
from benchmark.methods import find_methods
from benchmark.metrics import COLUMNS, CONVENTIONS
from benchmark.tests import cli
from benchmark.tests.cli import read, save
from benchmark.tests.runs import call, stand_ins

MFIFB = {  # columns of its metrics that are here
    *("en", "sd", "sf", "ag", "ei", "nmi", "ce", "psnr", "ssim", "qabf", "viff", "fmi_edge"),
    *("qcb", "qcv"),
}


def add(folder: Path, *files: str) -> Path:
    rng = np.random.default_rng(3)
    for file in files:
        save(folder / file, rng.integers(0, 256, (48, 52, 3), dtype=np.uint8))
    return folder


@pytest.fixture
def sides(tmp_path: Path) -> Path:
    return add(tmp_path / "set", *(f"{s}/{n}.png" for s in ("near", "far") for n in "ba"))


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    pair = [f"lytro-01/focus_{mark}.jpg" for mark in "ab"]
    return add(tmp_path / "stacks", *pair, *(f"mffw/focus_{mark}.png" for mark in "abc"))


def test_near_and_far(sides: Path, tmp_path: Path) -> None:
    found = find_set(str(sides))
    assert (found.kind, found.unit) == ("focus", "scene")
    assert found.scenes == {n: [sides / f"near/{n}.png", sides / f"far/{n}.png"] for n in "ab"}
    assert found.labels("a") == ["near", "far"]
    staged = tmp_path / "staged"
    assert stage(found, staged) == ["--scene_dir", str(staged)]
    names = {f"{n}/{side}.png" for n in "ab" for side in ("near", "far")}
    assert {path.relative_to(staged).as_posix() for path in staged.rglob("*.*")} == names
    assert (staged / "b/far.png").samefile(sides / "far/b.png")
    assert find_set(str(staged)).kind == "focus"


def test_stacks(stacks: Path) -> None:
    found = find_set(str(stacks), first=1)
    assert (found.kind, list(found.scenes)) == ("focus", ["lytro-01"])
    assert found.labels("lytro-01") == ["focus_a", "focus_b"]


def test_what_is_no_focus(sides: Path, stacks: Path) -> None:
    add(stacks, "room/under.png", "room/over.png")
    assert find_scenes(stacks, "--data")[0] == "exposures"
    add(sides, "middle/a.png", "middle/b.png")
    assert find_scenes(sides, "--data")[0] == "exposures"


def test_a_missing_side_is_named(sides: Path) -> None:
    (sides / "far/b.png").unlink()
    with pytest.raises(ValueError, match=r"\(--data\) lacks the near or the far image of b;"):
        find_set(str(sides))


def test_methods_of_this_kind() -> None:
    methods = find_methods()
    fusing = {name for name, method in methods.items() if "focus" in method.kinds}
    assert {"U2Fusion", "Average", "Laplacian"} <= fusing
    assert not {"Mertens", "DeepFuse", "DenseFuse"} & fusing


def test_all_columns_of_its_default_are_those_of_mfifb() -> None:
    assert set(CONVENTIONS["standard"].columns("focus")) == MFIFB
    assert CONVENTIONS["standard"].columns("pairs") == CONVENTIONS["standard"].default
    assert CONVENTIONS["vifb"].columns("focus") == CONVENTIONS["vifb"].default


def test_run(sides: Path, tmp_path: Path) -> None:
    methods = {
        **stand_ins(tmp_path, "good"),
        **{name: find_methods()[name] for name in ("Average", "Mertens")},
    }
    own = tmp_path / "own.py"
    own.write_text(
        "import sys, cv2\n*sources, output = sys.argv[1:]\nassert len(sources) == 2\n"
        "cv2.imwrite(output, cv2.imread(sources[0]))\n"
    )
    command = f"Own={sys.executable} {own} {{sources}} {{output}}"
    metrics = ("--metrics", "en", "nmi", "psnr")
    assert call(sides, tmp_path / "out", methods, "--external", command, *metrics) == 0
    header, *rows = read(tmp_path / "out/scores.csv")
    assert header == ["method", "image", "en", "nmi", "psnr"]
    assert [row[:2] for row in rows] == [[m, n] for m in ("Good", "Average", "Own") for n in "ab"]


def test_what_cannot_fuse_it(
    sides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = stand_ins(tmp_path, "good") | {"Mertens": find_methods()["Mertens"]}
    for more, told in (
        (["--methods", "Mertens"], "Mertens (--methods) cannot fuse multi-focus images"),
        (["--external", "Own=own {under} {over} {output}"], "for multi-focus images, which set"),
    ):
        assert call(sides, tmp_path / "out", methods, *more) == 1
        assert told in capsys.readouterr().err


def test_evaluate_chooses_the_columns_of_this_kind(sides: Path, stacks: Path) -> None:
    add(sides.parent / "fused", "a.png", "b.png")
    arguments = ["--scenes", "set", "--fused", "F=fused"]
    assert cli.run(sides.parent, *arguments).returncode == 0
    header, *rows = read(sides.parent / "out/scores.csv")
    assert set(header[2:]) == MFIFB
    assert [row[1] for row in rows] == ["a", "b"]
    add(sides.parent / "fused2", "lytro-01.png", "mffw.png")
    arguments = ["--scenes", "stacks", "--fused", "F=fused2", "--overwrite"]
    assert cli.run(sides.parent, *arguments).returncode == 0
    header, *_ = read(sides.parent / "out/scores.csv")
    assert header[2:] == ["en", "sd", "sf", "ag", "ei"]
    assert all(COLUMNS[name].compares == "nothing" for name in header[2:])
