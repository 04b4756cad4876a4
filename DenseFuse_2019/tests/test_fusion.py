"""`run_fusion.py` from files to files."""

from pathlib import Path

import numpy as np
import pytest

import run_fusion
from models.fusion_strategy import STRATEGIES
from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair, run_script
from utils.util_fusion import ImageFusion

COLOURS = ("--color", "--gray", "--rgb_mode")


def arguments_of(mode: str, rgb_weights: Path) -> list[object]:
    """Return the flags of gray results, colour through luma, or the RGB network."""
    if mode == "--rgb_mode":
        return ["--rgb_mode", "channels", "--weights", rgb_weights]
    return [mode]


@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize("mode", COLOURS)
def test_folder_run_equals_single_runs(
    tmp_path: Path, fuse: Call, rgb_weights: Path, strategy: str, mode: str
) -> None:
    for number in range(3):
        put_pair(tmp_path, f"p{number}", number, colour=number != 1, size=(33, 47 + 2 * number))
    flags = ["--strategy", strategy, "--tile", 20, *arguments_of(mode, rgb_weights)]
    folders = ["--ir", tmp_path / "ir", "--vis", tmp_path / "vis"]
    assert fuse(*folders, "--output", tmp_path / "all", *flags).status == 0
    for number in range(3):
        name = f"p{number}.png"
        files = ["--ir", tmp_path / "ir" / name, "--vis", tmp_path / "vis" / name]
        assert fuse(*files, "--output", tmp_path / "one" / name, *flags).status == 0
        together, alone = get(tmp_path / "all" / name), get(tmp_path / "one" / name)
        np.testing.assert_array_equal(together, alone)
        coloured = mode == "--rgb_mode" or (mode == "--color" and number != 1)
        assert alone.shape == ((33, 47 + 2 * number, 3) if coloured else (33, 47 + 2 * number))
        assert alone.std() > 5
        visible = get(tmp_path / "vis" / name)
        gray = [x.mean(axis=2) if x.ndim == 3 else x for x in (alone, visible)]
        upright = np.corrcoef(gray[0].ravel(), gray[1].ravel())[0, 1]
        for turned in (gray[0][::-1], gray[0][:, ::-1], gray[0][::-1, ::-1]):
            assert upright > 0.5 + abs(np.corrcoef(turned.ravel(), gray[1].ravel())[0, 1]) / 2


def test_console_output(tmp_path: Path, gray_weights: Path) -> None:
    put_pair(tmp_path, "a")
    put_pair(tmp_path, "b", 1)
    done = run_script(
        "run_fusion.py",
        *("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out"),
        *("--weights", gray_weights, "--device", "cpu", "--threads", 1),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{gray_weights} model loaded (this repository's layout)."
    assert lines[1:3] == ["Loading data...", "Fusing..."]
    assert lines[3:5] == [f"Output path: {tmp_path / 'out' / n}.png" for n in "ab"]
    assert lines[5].startswith("Mean time: ")
    assert len(lines) == 6
    assert "2/2" in done.stderr  # the progress bar
    assert "warning" not in done.stderr


def test_other_documented_name(tmp_path: Path, gray_weights: Path) -> None:
    ir, vis = put_pair(tmp_path, "a")
    flags = ("--ir", ir, "--vis", vis, "--weights", gray_weights, "--output", tmp_path / "f.png")
    done = run_script("run_infer.py", *flags, "--device", "cpu", "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert get(tmp_path / "f.png").shape == (33, 47, 3)


def test_without_arguments_the_demo_pairs_any_number_of_times(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pair(tmp_path / "demo", "a")
    monkeypatch.setattr(run_fusion, "DEMO", tmp_path / "demo")
    monkeypatch.setattr(run_fusion, "RESULTS", tmp_path / "data_result")
    monkeypatch.setattr(run_fusion, "USER_SETS", {tmp_path / "Road": tmp_path / "Road_fusion"})
    for _ in range(2):
        outcome = fuse()
        assert outcome.status == 0
        assert f"Output path: {tmp_path / 'data_result' / 'pair' / 'a.png'}" in outcome.out
    put_pair(tmp_path / "Road", "b")
    assert fuse().status == 0
    assert (tmp_path / "Road_fusion" / "b.png").is_file()


def test_own_pairs_go_to_the_documented_folder(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_fusion, "RESULTS", tmp_path / "data_result")
    put(tmp_path / "ir" / "IR1.png", picture(0, channels=1))
    put(tmp_path / "vis" / "VIS1.png", picture(0))
    for _ in range(2):
        assert fuse("--ir", tmp_path / "ir", "--vis", tmp_path / "vis").status == 0
    assert [p.name for p in (tmp_path / "data_result" / "pair").iterdir()] == ["1.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_in_sixteen_bits_out(tmp_path: Path, fuse: Call, channels: int) -> None:
    visible = picture(0, channels=channels, dtype=np.uint16)
    vis = put(tmp_path / "vis.png", visible)
    ir = put(tmp_path / "ir.png", picture(0, channels=1))
    output = tmp_path / "fused.tif"
    assert fuse("--ir", ir, "--vis", vis, "--output", output).status == 0
    fused = get(output)
    assert (fused.dtype, fused.shape) == (np.uint16, visible.shape)
    assert len(np.unique(fused)) > 256  # not eight bits spread


def test_eight_bits_stay_eight_bits(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.jpg", picture(0))
    ir = put(tmp_path / "ir.tif", picture(0, channels=1, dtype=np.uint16))
    assert fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png").status == 0
    assert get(tmp_path / "fused.png").dtype == np.uint8


def test_infrared_range_changes_the_result(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0, channels=1))
    dim = (picture(0, channels=1, dtype=np.uint16) // 64).astype(np.uint16)  # 10 bits of 16
    ir = put(tmp_path / "ir.png", dim)
    results = {}
    for chosen in ("full", "minmax", "percentile", "0:1023"):
        output = tmp_path / f"{chosen[:3]}.png"
        outcome = fuse("--ir", ir, "--vis", vis, "--output", output, "--ir_range", chosen)
        assert outcome.status == 0
        assert ("infrared values fill" in outcome.err) == (chosen == "full")
        results[chosen] = get(output).astype(float)
    assert results["minmax"].mean() > results["full"].mean() + 30
    np.testing.assert_allclose(results["minmax"], results["0:1023"], atol=1)
    assert not np.array_equal(results["minmax"], results["percentile"])


def test_stretch_fills_the_range(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0, channels=1) // 2 + 50)
    ir = put(tmp_path / "ir.png", picture(0, channels=1) // 2 + 50)
    assert fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "a.png").status == 0
    flags = ("--output", tmp_path / "b.png", "--stretch", "minmax")
    assert fuse("--ir", ir, "--vis", vis, *flags).status == 0
    assert np.ptp(get(tmp_path / "a.png")) < 200
    assert np.ptp(get(tmp_path / "b.png")) == 255


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
    fusion = ImageFusion(gray_weights, strategy, device="cpu")
    image = picture(0) / np.float32(255)
    np.testing.assert_allclose(fusion.fuse([image] * 3), fusion.fuse([image] * 2), atol=2e-6)


def test_shifted_pair_is_warned_of_and_fused(tmp_path: Path, fuse: Call) -> None:
    scene = picture(3, 130, 280, channels=1)
    vis = put(tmp_path / "vis.png", scene[10:120, 20:260])
    ir = put(tmp_path / "ir.png", 255 - scene[10:120, 40:280])
    outcome = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png")
    assert outcome.status == 0
    assert "ir.png seems to lie" in outcome.err
    assert f"pixels off {vis}" in outcome.err


def test_unicode_folder(tmp_path: Path, fuse: Call) -> None:
    put_pair(tmp_path / "数据 é", "夜晚")
    flags = ("--ir", tmp_path / "数据 é" / "ir", "--vis", tmp_path / "数据 é" / "vis")
    assert fuse(*flags, "--output", tmp_path / "结果").status == 0
    assert (tmp_path / "结果" / "夜晚.png").is_file()
