"""`run_fusion.py` from files to files."""

from pathlib import Path

import numpy as np
import pytest

import run_fusion
from models.fusion_strategy import STRATEGIES
from tests.conftest import Call
from tests.helpers import get, picture, put, put_layouts, put_pair, run_script
from utils.common.infrared_pairs import PAIRS
from utils.common.pairs import DefaultSet
from utils.util_fusion import ImageFusion

COLORS = ("--color", "--gray", "--rgb_mode")


def arguments_of(mode: str, rgb_weights: Path) -> list[object]:
    """Return the flags of gray results, color through luma, or the RGB network."""
    if mode == "--rgb_mode":
        return ["--rgb_mode", "channels", "--weights", rgb_weights]
    return [mode]


@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize("mode", COLORS)
def test_folder_run_equals_single_runs(
    tmp_path: Path, fuse: Call, rgb_weights: Path, strategy: str, mode: str
) -> None:
    for number in range(3):
        put_pair(tmp_path, f"p{number}", number, color=number != 1, size=(33, 47 + 2 * number))
    flags = ["--strategy", strategy, "--tile", 20, *arguments_of(mode, rgb_weights)]
    folders = ["--ir", tmp_path / "ir", "--vis", tmp_path / "vis"]
    assert fuse(*folders, "--output", tmp_path / "all", *flags).status == 0
    for number in range(3):
        name = f"p{number}.png"
        files = ["--ir", tmp_path / "ir" / name, "--vis", tmp_path / "vis" / name]
        assert fuse(*files, "--output", tmp_path / "one" / name, *flags).status == 0
        together, alone = get(tmp_path / "all" / name), get(tmp_path / "one" / name)
        np.testing.assert_array_equal(together, alone)
        colored = mode == "--rgb_mode" or (mode == "--color" and number != 1)
        assert alone.shape == ((33, 47 + 2 * number, 3) if colored else (33, 47 + 2 * number))
        assert alone.std() > 5
        visible = get(tmp_path / "vis" / name)
        gray = [x.mean(axis=2) if x.ndim == 3 else x for x in (alone, visible)]
        upright = np.corrcoef(gray[0].ravel(), gray[1].ravel())[0, 1]
        for turned in (gray[0][::-1], gray[0][:, ::-1], gray[0][::-1, ::-1]):
            assert upright > 0.5 + abs(np.corrcoef(turned.ravel(), gray[1].ravel())[0, 1]) / 2


def test_other_documented_name(tmp_path: Path, gray_weights: Path) -> None:
    ir, vis = put_pair(tmp_path, "a")
    flags = ("--ir", ir, "--vis", vis, "--weights", gray_weights, "--output", tmp_path / "f.png")
    done = run_script("run_infer.py", *flags, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert get(tmp_path / "f.png").shape == (33, 47, 3)


def test_without_arguments_the_demo_pairs_any_number_of_times(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pair(tmp_path / "demo", "a")
    demo = DefaultSet(PAIRS, tmp_path / "demo", tmp_path / "data_result" / "pair")
    monkeypatch.setattr(run_fusion, "DEMO", [demo])
    road = DefaultSet(PAIRS, tmp_path / "Road", tmp_path / "Road_fusion")
    monkeypatch.setattr(run_fusion, "OWN", [road])
    for _ in range(2):
        outcome = fuse()
        assert outcome.status == 0
        assert f"Output path: {tmp_path / 'data_result' / 'pair' / 'a.png'}" in outcome.out
        assert f"note: fusing the demo images in {tmp_path / 'demo'}" in outcome.err
    put_pair(tmp_path / "Road", "b")
    assert fuse().status == 0
    assert (tmp_path / "Road_fusion" / "b.png").is_file()


def test_the_users_sets_in_every_layout(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for folder in put_layouts(tmp_path):
        monkeypatch.setattr(run_fusion, "OWN", [DefaultSet(PAIRS, folder, folder / "fused")])
        assert fuse().status == 0
        results.append((folder / "fused" / "01.png").read_bytes())
    assert len(set(results)) == 1


def test_own_pairs_go_to_the_documented_folder(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_fusion, "RESULTS", tmp_path / "data_result")
    put(tmp_path / "ir" / "IR1.png", picture(0, channels=1))
    put(tmp_path / "vis" / "VIS1.png", picture(0))
    for _ in range(2):
        assert fuse("--ir", tmp_path / "ir", "--vis", tmp_path / "vis").status == 0
    assert [p.name for p in (tmp_path / "data_result" / "pair").iterdir()] == ["1.png"]


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_three_sources(tmp_path: Path, fuse: Call, strategy: str) -> None:
    names = "abc"
    for number, name in enumerate(names):
        put(tmp_path / name / "scene.png", picture(number))
    flags = ("--strategy", strategy, "--output", tmp_path / "out")
    assert fuse("--images", *(tmp_path / n for n in names), *flags).status == 0
    together = get(tmp_path / "out" / "scene.png")
    files = [tmp_path / n / "scene.png" for n in "cab"]
    flags = ("--strategy", strategy, "--output", tmp_path / "out.png")
    assert fuse("--images", *files, *flags).status == 0
    assert np.abs(get(tmp_path / "out.png").astype(int) - together).max() <= 1  # order is free
    assert together.shape == (33, 47, 3)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_equal_copies_give_what_two_give(gray_weights: Path, strategy: str) -> None:
    fusion = ImageFusion(gray_weights, strategy=strategy, device="cpu")
    image = picture(0) / np.float32(255)
    np.testing.assert_allclose(fusion.fuse([image] * 3), fusion.fuse([image] * 2), atol=2e-6)
