# From common_code/exposures/tests/common/test_exposures.py; edit it there, then tools/sync.py.
"""Which folders hold exposures of scenes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.common.test_readers import File, files, find_or_refuse, quick
from tests.helpers import picture, put
from utils.common.exposures import find_scenes
from utils.utils import InputError


@pytest.mark.parametrize(
    "names",
    [
        ("ir/1.png", "vis/1.png"),
        ("INF_images/1.png", "INF_images/2.png"),
        ("IR01.png", "VIS01.png", "IR02.png", "VIS02.png"),
        ("street/ir.png", "street/vis.png"),
    ],
)
def test_pairs_are_never_taken_for_exposures(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        put(tmp_path / name, picture(0, 4, 4))
    with pytest.raises(InputError, match="seems to hold infrared and visible images"):
        find_scenes(tmp_path)


def test_scenes_are_folders_of_exposures(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.png", "a/x.jpg", "a/y.png", "a/z.png"):
        put(tmp_path / "set" / name, picture(0))
    (tmp_path / "set" / ".hidden").mkdir()
    found = find_scenes(tmp_path / "set")
    assert list(found) == ["a", "b"]
    assert [p.name for p in found["b"]] == ["1.png", "2.png"]
    assert find_scenes(tmp_path / "set" / "a") == {"a": found["a"]}


def test_images_beside_the_scenes_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a/1.png", "a/2.png", "lonely.png"):
        put(tmp_path / name, picture(0))
    assert list(find_scenes(tmp_path)) == ["a"]
    assert "left out lonely.png" in capsys.readouterr().err


def test_a_scene_with_one_exposure_is_named(tmp_path: Path) -> None:
    put(tmp_path / "set" / "a" / "1.png", picture(0))
    with pytest.raises(
        InputError, match=r"scene a in .*set \(--scene_dir\) has one exposure, 1\.p"
    ):
        find_scenes(tmp_path / "set")
    with pytest.raises(InputError, match=r"no folder .*absent \(--scene_dir\)"):
        find_scenes(tmp_path / "absent")


@quick
@given(names=st.lists(files, max_size=8))
def test_any_folder_holds_scenes_or_is_refused(names: list[File]) -> None:
    find_or_refuse(names, find_scenes)
