from pathlib import Path

import numpy as np
import pytest

from benchmark import image_sets
from benchmark.image_sets import COMMON, find_set, stage
from benchmark.tests.cli import save
from benchmark.tests.stand_ins import add_pairs


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A set of the pairs a, b and c of different suffixes, of which a list names b and a."""
    for stem in "abc":
        save(tmp_path / f"set/ir/{stem}.bmp", np.full((4, 5), 10, np.uint8))
        save(tmp_path / f"set/vis/{stem}.png", np.full((4, 5, 3), 200, np.uint8))
    (tmp_path / "set/val.txt").write_text("b\na\n")
    return tmp_path / "set"


@pytest.fixture
def exposures(tmp_path: Path) -> Path:
    for scene, count in (("lake", 2), ("tower", 3)):
        for number in range(count):
            save(tmp_path / f"scenes/{scene}/ev{number}.png", np.zeros((4, 5), np.uint8))
    return tmp_path / "scenes"


def test_pairs(pairs: Path) -> None:
    found = find_set(str(pairs))
    assert (found.name, found.kind, found.split, found.unit) == ("set", "pairs", "all", "pair")
    assert found.scenes == {s: [pairs / f"ir/{s}.bmp", pairs / f"vis/{s}.png"] for s in "abc"}
    assert found.labels("a") == ["infrared", "visible"]


def test_exposures(exposures: Path) -> None:
    found = find_set(str(exposures))
    assert (found.kind, found.unit, list(found.scenes)) == ("exposures", "scene", ["lake", "tower"])
    assert found.labels("tower") == ["ev0", "ev1", "ev2"]


def test_a_list_of_the_set_and_the_first_ones(pairs: Path) -> None:
    assert list(find_set(str(pairs), split="val").scenes) == ["b", "a"]
    assert list(find_set(str(pairs), split="val", first=1).scenes) == ["b"]
    assert list(find_set(str(pairs), first=2).scenes) == ["a", "b"]


@pytest.mark.parametrize("split", ["test", "val"])
def test_the_committed_list_of_what_was_held_out_is_the_default(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    monkeypatch.setattr(image_sets, "COMMON", pairs.parent)
    lists = pairs.parent / "splits/set"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nb\n")
    (lists / f"{split}.txt").write_text("c\n")
    found = find_set("set")
    assert (found.name, found.split, list(found.scenes)) == ("set", split, ["c"])
    assert list(find_set("set", split="all").scenes) == ["a", "b", "c"]


def test_the_bundled_sets_have_names() -> None:
    assert find_set("demo/ir_vis").name == find_set(str(COMMON / "demo/ir_vis")).name
    assert find_set("demo/exposures").kind == "exposures"
    assert find_set("demo/ir_vis").name == "demo/ir_vis"


def test_what_is_missing_is_named(pairs: Path) -> None:
    with pytest.raises(ValueError, match=r"no set nowhere \(--data\)"):
        find_set("nowhere")
    with pytest.raises(ValueError, match=r"no list test \(--split\); it has val, all"):
        find_set(str(pairs), split="test")
    (pairs / "ir/b.bmp").unlink()
    with pytest.raises(ValueError, match=r"lacks sources of b;"):
        find_set(str(pairs))
    (pairs / "val.txt").write_text("a\nx\ny\n")
    with pytest.raises(ValueError, match=r"lacks sources of x, y;"):
        find_set(str(pairs), split="val")
    (pairs / "val.txt").write_text("a\nb\na\n")
    with pytest.raises(ValueError, match=r"val\.txt \(--split\) names a 2 times"):
        find_set(str(pairs), split="val")
    (pairs / "val.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"val\.txt \(--split\) is not a list of names in UTF-8"):
        find_set(str(pairs), split="val")
    (pairs / "val.txt").write_text("\n")
    with pytest.raises(ValueError, match="no scene to fuse"):
        find_set(str(pairs), split="val")


@pytest.mark.parametrize("left", ["set/ir/", "set/.part.png/", "set/set.zip.part"])
def test_a_set_without_images_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.setattr(image_sets, "COMMON", tmp_path / "common")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "common" / left
    path.parent.mkdir(parents=True)
    path.mkdir() if left.endswith("/") else path.touch()
    with pytest.raises(ValueError, match=r"no set set \(--data\): the folder does not exist"):
        find_set("set")
    (tmp_path / "set").mkdir()
    with pytest.raises(ValueError, match=r"no set set \(--data\): it has no image"):
        find_set("set")
    add_pairs(tmp_path / "set", "a")
    assert find_set("set").scenes == {"a": [Path("set/ir/a.png"), Path("set/vis/a.png")]}


def test_the_working_folder_is_no_name_of_a_set(
    pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sets, "COMMON", pairs)
    monkeypatch.chdir(pairs)
    add_pairs(pairs / "inner", "z")
    monkeypatch.chdir(pairs / "inner")
    for data in (".", "../inner"):
        assert list(find_set(data).scenes) == ["z"]


def test_all_of_a_known_set_is_more_than_what_is_there(
    pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sets, "COMMON", pairs.parent)
    lists = pairs.parent / "splits/set"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nd\ne\n")
    (lists / "test.txt").write_text("b\n")
    assert list(find_set("set").scenes) == ["b"]
    with pytest.raises(ValueError, match=r"is incomplete: 2 of the 4 scenes .* missing, d first"):
        find_set("set", split="all")
    (lists / "test.txt").write_text("b\nx\n")
    with pytest.raises(ValueError, match="lacks sources of x;"):
        find_set("set", first=1)


def test_only_the_chosen_pairs_are_staged(pairs: Path, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    flags = stage(find_set(str(pairs), split="val"), staged)
    assert flags == ["--ir", str(staged / "ir"), "--vis", str(staged / "vis")]
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*.*"))
    assert names == ["ir/a.bmp", "ir/b.bmp", "vis/a.png", "vis/b.png"]
    assert (staged / "ir/a.bmp").read_bytes() == (pairs / "ir/a.bmp").read_bytes()


def test_exposures_are_staged_as_scenes(exposures: Path, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    assert stage(find_set(str(exposures), first=1), staged) == ["--scene_dir", str(staged)]
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*.*"))
    assert names == ["lake/ev0.png", "lake/ev1.png"]


def test_where_links_fail_files_are_copied(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    stage(find_set(str(pairs)), tmp_path / "staged")
    copy = tmp_path / "staged/vis/c.png"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (pairs / "vis/c.png").read_bytes()
