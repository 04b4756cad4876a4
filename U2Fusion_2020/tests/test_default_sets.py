"""What `run_fusion.py` fuses when no source is named, and where results go."""

from pathlib import Path

import numpy as np
import pytest

import run_fusion
from tests.conftest import Call
from tests.helpers import get, picture, put, put_layouts, put_pair
from tests.scenes import put_couple, put_scenes
from utils.common.pairs import DefaultSet


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the method's, with two demo sets in it."""
    monkeypatch.setattr(run_fusion, "RESULTS", tmp_path / "fusion_result")
    for name in ("OWN", "DEMO"):
        here, there = run_fusion.HERE, tmp_path
        sets = [
            DefaultSet(
                one.kind,
                there / one.folder.relative_to(here),
                there / one.output.relative_to(here),
            )
            for one in getattr(run_fusion, name)
        ]
        monkeypatch.setattr(run_fusion, name, sets)
    put_pair(tmp_path / "demo" / "ir_vis", "street")
    put_scenes(tmp_path / "demo" / "exposures", 2, count=3)
    return tmp_path


DEMO_RESULTS = ["s00.png", "s01.png", "street.png"]


def test_without_arguments_both_demo_sets_any_number_of_times(place: Path, fuse: Call) -> None:
    for _ in range(2):
        outcome = fuse()
        assert outcome.status == 0
        found = sorted(p.name for p in (place / "fusion_result").iterdir())
        assert found == DEMO_RESULTS
        assert f"Output path: {place / 'fusion_result'} (3 images)" in outcome.out
        assert f"note: fusing the demo images in {place / 'demo' / 'ir_vis'}" in outcome.err
        assert "--ir" in outcome.err
        assert "--over" in outcome.err
    vis, ir = (place / "demo" / "ir_vis" / n / "street.png" for n in ("vis", "ir"))
    assert fuse("--vis", vis, "--ir", ir, "--output", place / "f.png").status == 0
    np.testing.assert_array_equal(get(place / "fusion_result" / "street.png"), get(place / "f.png"))
    assert fuse("--scene_dir", place / "demo" / "exposures", "--output", place / "e").status == 0
    one, other = (get(place / n / "s01.png") for n in ("fusion_result", "e"))
    np.testing.assert_array_equal(one, other)


def test_without_arguments_what_the_user_has_put_there(place: Path, fuse: Call) -> None:
    put_pair(place / "fusion_test_data" / "Road", "FLIR_1")
    outcome = fuse()
    assert outcome.status == 0
    assert "demo" not in outcome.err
    assert [p.name for p in (place / "fusion_result").iterdir()] == ["Road"]
    put(place / "fusion_test_data" / "Tno" / "ir" / "IR1.png", picture(0, channels=1))
    put(place / "fusion_test_data" / "Tno" / "vis" / "VIS1.png", picture(0))
    assert fuse().status == 0
    results = place / "fusion_result"
    found = sorted(str(p.relative_to(results)) for p in results.rglob("*.png"))
    assert found == ["Road/FLIR_1.png", "Tno/1.png"]
    for _ in range(2):  # a second time only with --overwrite
        outcome = fuse("--output", place / "elsewhere")
    assert outcome.status == 1
    assert "exists (1 of 1 results)" in outcome.err


def test_the_users_sets_in_every_layout(place: Path, fuse: Call) -> None:
    results = []
    (place / "fusion_test_data").mkdir()
    for folder in put_layouts(place / "layouts"):
        own = folder.rename(place / "fusion_test_data" / "Tno")
        assert fuse().status == 0
        results.append((place / "fusion_result" / "Tno" / "01.png").read_bytes())
        own.rename(folder)
    assert len(set(results)) == 1


def test_a_users_set_is_never_a_bracket(place: Path, fuse: Call) -> None:
    for name in ("a", "b", "c"):
        put(place / "fusion_test_data" / "Road" / f"{name}.png", picture(0))
    outcome = fuse()
    assert outcome.status == 1
    assert "cannot pair the images in" in outcome.err
    assert "INF_images and VIS_images" in outcome.err
    assert not (place / "fusion_result").exists()
    road = place / "fusion_test_data" / "Road"
    assert fuse("--scene_dir", road, "--output", place / "bracket").status == 0
    assert [path.name for path in (place / "bracket").iterdir()] == ["Road.png"]


def test_folders_that_the_user_has_not_filled(place: Path, fuse: Call) -> None:
    for name in ("Road", "Tno"):
        (place / "fusion_test_data" / name).mkdir(parents=True)
    outcome = fuse()
    assert outcome.status == 0, outcome.err
    assert sorted(p.name for p in (place / "fusion_result").iterdir()) == DEMO_RESULTS


def test_results_of_two_sets_do_not_replace_each_other(place: Path, fuse: Call) -> None:
    for seed, name in enumerate(("Road", "Tno")):
        put_pair(place / "fusion_test_data" / name, "1", seed)
    outcome = fuse("--output", place / "out")
    refused = outcome.status == 1 and "error: " in outcome.err
    assert refused or len(list((place / "out").rglob("*.png"))) == 2


@pytest.mark.parametrize("kind", ["pair", "couple"])
def test_own_sources_go_to_the_documented_folder(place: Path, fuse: Call, kind: str) -> None:
    files = put_pair(place, "dusk") if kind == "pair" else put_couple(place, "dusk")[::-1]
    flags = ("--ir", "--vis") if kind == "pair" else ("--over", "--under")
    for _ in range(2):
        assert fuse(flags[0], files[0].parent, flags[1], files[1].parent).status == 0
    assert [p.name for p in (place / "fusion_result").iterdir()] == ["dusk.png"]
