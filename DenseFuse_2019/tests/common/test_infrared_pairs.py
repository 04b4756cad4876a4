# From common_code/infrared/tests/common/test_infrared_pairs.py; edit it there, then tools/sync.py.
"""Which layouts of folders hold pairs of visible and infrared images."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.common.test_readers import File, files, find_or_refuse, quick
from tests.helpers import picture, put
from utils.common.infrared_pairs import pairs_in
from utils.utils import InputError

LAYOUTS = [
    ("vis/1.png", "ir/1.png", "1"),
    ("VIS_images/1.png", "INF_images/1.jpg", "1"),
    ("visible/a.png", "infrared/a.png", "a"),
    ("rgb/a_rgb.png", "thermal/a_thermal.png", "a"),
    ("vi/a.png", "inf/a.png", "a"),
    ("VIS01.png", "IR01.png", "01"),
    ("a_vis.png", "a_ir.png", "a"),
    ("FLIR_07_RGB.jpg", "FLIR_07_thermal.jpg", "FLIR_07"),
]


@pytest.mark.parametrize(("visible", "infrared", "name"), LAYOUTS)
def test_layouts_of_a_set_of_pairs(tmp_path: Path, visible: str, infrared: str, name: str) -> None:
    files = tuple(put(tmp_path / part, picture(0, 4, 4)) for part in (visible, infrared))
    assert pairs_in(tmp_path, "--set") == {name: files}


@pytest.mark.parametrize(
    "names",
    [
        ("a/1.png", "b/1.png"),
        ("INF_images/1.png", "other/1.png"),
        ("1.png", "2.png"),
        ("IR1.png", "IR2.png"),
    ],
)
def test_what_cannot_be_paired_shows_what_can(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        put(tmp_path / name, picture(0, 4, 4))
    with pytest.raises(InputError, match=r"cannot pair .* \(--set\).*INF_images and VIS_images"):
        pairs_in(tmp_path, "--set")


@pytest.mark.parametrize("stray", ["IR2.png", "map.png"])
def test_an_image_without_partner_in_a_flat_folder(tmp_path: Path, stray: str) -> None:
    for name in ("VIS1.png", "IR1.png", stray):
        put(tmp_path / name, picture(0, 4, 4))
    with pytest.raises(InputError, match=rf"have no partner, {stray} first"):
        pairs_in(tmp_path, "--set")
    assert list(pairs_in(tmp_path, "--set", allow_unmatched=True)) == ["1"]


@quick
@given(names=st.lists(files, max_size=8))
def test_any_folder_is_paired_or_refused(names: list[File]) -> None:
    find_or_refuse(names, lambda folder: pairs_in(folder, "--pairs"))
