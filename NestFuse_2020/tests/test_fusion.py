"""`run_fusion.py` with every choice of attention."""

from pathlib import Path

import numpy as np
import pytest

import run_fusion
from models.fusion_strategy import CHANNEL
from tests.conftest import Call
from tests.helpers import get, picture, put, put_layouts, put_pair
from utils.common.infrared_pairs import PAIRS
from utils.common.pairs import DefaultSet
from utils.util_fusion import ImageFusion

ATTENTION = [
    (),
    *(("--channel", channel) for channel in CHANNEL[1:]),
    *(("--attention", "channel", "--channel", channel) for channel in CHANNEL),
    ("--attention", "spatial"),
    ("--attention", "spatial", "--spatial", "sum"),
]
every_attention = pytest.mark.parametrize("attention", ATTENTION, ids=" ".join)


def arguments_of(mode: str, rgb_weights: Path) -> list[object]:
    """Return the flags of gray results, color through luma, or the RGB network."""
    if mode == "--rgb_mode":
        return ["--rgb_mode", "channels", "--weights", rgb_weights]
    return [mode]


@every_attention
@pytest.mark.parametrize("mode", ["--color", "--gray", "--rgb_mode"])
def test_folder_run_equals_single_runs(
    tmp_path: Path, fuse: Call, rgb_weights: Path, attention: tuple[str, ...], mode: str
) -> None:
    names = ("p0", "p1")
    for number, name in enumerate(names):
        put_pair(tmp_path, name, number, color=name == "p0", size=(33, 47 + 2 * number))
    flags = [*attention, *arguments_of(mode, rgb_weights)]
    folders = ["--ir", tmp_path / "ir", "--vis", tmp_path / "vis"]
    assert fuse(*folders, "--output", tmp_path / "all", *flags).status == 0
    for number, stem in enumerate(names):
        name = f"{stem}.png"
        files = ["--ir", tmp_path / "ir" / name, "--vis", tmp_path / "vis" / name]
        assert fuse(*files, "--output", tmp_path / "one" / name, *flags).status == 0
        together, alone = get(tmp_path / "all" / name), get(tmp_path / "one" / name)
        np.testing.assert_array_equal(together, alone)
        colored = mode == "--rgb_mode" or (mode == "--color" and stem == "p0")
        assert alone.shape == ((33, 47 + 2 * number, 3) if colored else (33, 47 + 2 * number))
        assert alone.std() > 5
        visible = get(tmp_path / "vis" / name)
        gray = [x.mean(axis=2) if x.ndim == 3 else x for x in (alone, visible)]
        upright = np.corrcoef(gray[0].ravel(), gray[1].ravel())[0, 1]
        for turned in (gray[0][::-1], gray[0][:, ::-1], gray[0][::-1, ::-1]):
            assert upright > 0.5 + abs(np.corrcoef(turned.ravel(), gray[1].ravel())[0, 1]) / 2


def test_every_choice_changes_the_result(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0, channels=1))
    ir = put(tmp_path / "ir.png", picture(1, channels=1) // 2)
    results = []
    for number, attention in enumerate(ATTENTION):
        output = tmp_path / f"{number}.png"
        assert fuse("--ir", ir, "--vis", vis, "--output", output, *attention).status == 0
        results.append(output.read_bytes())
    assert len(set(results)) == len(results)


def test_default_attention(gray_weights: Path) -> None:
    args = run_fusion.parse_args([])
    assert (args.spatial, args.channel, args.attention) == ("mean", "avg", "both")
    fusion = ImageFusion(gray_weights, device="cpu")
    assert (fusion.spatial, fusion.channel, fusion.attention) == ("mean", "avg", "both")


def own_sets(folder: Path) -> list[DefaultSet]:
    """Return the user's sets if `folder` were the method's."""
    data, results = folder / "fusion_test_data", folder / "fusion_result"
    return [DefaultSet(PAIRS, data / name, results / name) for name in ("Road", "Tno")]


def test_without_arguments_the_demo_pairs_any_number_of_times(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pair(tmp_path / "demo", "a")
    results = tmp_path / "fusion_result"
    monkeypatch.setattr(run_fusion, "DEMO", [DefaultSet(PAIRS, tmp_path / "demo", results)])
    monkeypatch.setattr(run_fusion, "OWN", own_sets(tmp_path))
    for _ in range(2):
        outcome = fuse()
        assert outcome.status == 0
        assert f"Output path: {results / 'a.png'}" in outcome.out
        assert f"note: fusing the demo images in {tmp_path / 'demo'}" in outcome.err
    for name, stem in (("Road", "b"), ("Tno", "c")):
        put_pair(tmp_path / "fusion_test_data" / name, stem)
    assert fuse().status == 0
    assert get(results / "Road" / "b.png").shape == (33, 47, 3)
    assert get(results / "Tno" / "c.png").shape == (33, 47, 3)


def test_the_users_sets_in_every_layout(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    (tmp_path / "fusion_test_data").mkdir()
    monkeypatch.setattr(run_fusion, "OWN", own_sets(tmp_path))
    for folder in put_layouts(tmp_path / "layouts"):
        own = folder.rename(tmp_path / "fusion_test_data" / "Road")
        assert fuse().status == 0
        results.append((tmp_path / "fusion_result" / "Road" / "01.png").read_bytes())
        own.rename(folder)
    assert len(set(results)) == 1


def test_own_pairs_go_to_the_documented_folder(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_fusion, "RESULTS", tmp_path / "fusion_result")
    put(tmp_path / "ir" / "IR1.png", picture(0, channels=1))
    put(tmp_path / "vis" / "VIS1.png", picture(0))
    for _ in range(2):
        assert fuse("--ir", tmp_path / "ir", "--vis", tmp_path / "vis").status == 0
    assert [p.name for p in (tmp_path / "fusion_result").iterdir()] == ["1.png"]


def test_an_image_too_large_for_nuclear_is_named(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utils.util_fusion.NUCLEAR_PIXELS", 1000)
    ir, vis = put_pair(tmp_path, "a")
    flags = ("--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png", "--tile", 16)
    outcome = fuse(*flags, "--channel", "nuclear")
    assert outcome.status == 1
    assert "error: an image of 47x33 is too large for --channel nuclear" in outcome.err
    assert "--channel avg and max" in outcome.err
    assert not (tmp_path / "fused.png").exists()
    assert fuse(*flags, "--channel", "max").status == 0


@every_attention
def test_three_sources(tmp_path: Path, fuse: Call, attention: tuple[str, ...]) -> None:
    names = "abc"
    for number, name in enumerate(names):
        put(tmp_path / name / "scene.png", picture(number))
    flags = (*attention, "--output", tmp_path / "out")
    assert fuse("--images", *(tmp_path / n for n in names), *flags).status == 0
    together = get(tmp_path / "out" / "scene.png")
    files = [tmp_path / n / "scene.png" for n in "cab"]
    assert fuse("--images", *files, *attention, "--output", tmp_path / "out.png").status == 0
    assert np.abs(get(tmp_path / "out.png").astype(int) - together).max() <= 1  # order is free
    assert together.shape == (33, 47, 3)


@every_attention
def test_equal_copies_give_what_one_gives(gray_weights: Path, attention: tuple[str, ...]) -> None:
    args = run_fusion.parse_args(list(attention))
    chosen = {"spatial": args.spatial, "channel": args.channel, "attention": args.attention}
    fusion = ImageFusion(gray_weights, **chosen, device="cpu", color=False)
    image = picture(0, channels=1) / np.float32(255)
    three, two = (fusion.fuse([image] * count) for count in (3, 2))
    np.testing.assert_allclose(three, two, atol=5e-6)
    assert np.abs(two - image).mean() < 0.1  # a network that nearly reproduces its input
