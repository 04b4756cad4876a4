# From common_code/photographs/tests/common/test_pipeline.py; edit it there, then tools/sync.py.
"""`run_fusion.py` from files to files: what does not depend on how features are fused."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair
from utils.common import registered_pairs


@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_console_output(
    tmp_path: Path, fuse: Call, gray_weights: Path, verbose: tuple[str, ...]
) -> None:
    put_pair(tmp_path, "a")
    put_pair(tmp_path, "b", 1)
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    done = fuse(*flags, *verbose)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"{gray_weights} model loaded (this repository's layout)."
    assert lines[1:3] == ["Loading data...", "Fusing..."]
    each = [f"Output path: {tmp_path / 'out' / n}.png" for n in "ab"]
    assert lines[3:-1] == (each if verbose else [f"Output path: {tmp_path / 'out'} (2 images)"])
    assert lines[-1].startswith("Mean time: ")
    assert "2/2" in done.err  # the progress bar
    assert "warning" not in done.err


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
    vis = put(tmp_path / "vis.png", picture(0, channels=1) // 2)
    dim = (picture(0, channels=1, dtype=np.uint16) // 64).astype(np.uint16)  # 10 bits of 16
    ir = put(tmp_path / "ir.png", dim)
    results = {}
    for chosen in ("full", "minmax", "percentile", "0:1023"):
        output = tmp_path / f"{chosen[:3]}.png"
        outcome = fuse("--ir", ir, "--vis", vis, "--output", output, "--ir_range", chosen)
        assert outcome.status == 0
        assert ("of the infrared values fill" in outcome.err) == (chosen == "full")
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


def test_warnings_of_a_kind_are_counted(tmp_path: Path, fuse: Call) -> None:
    for number in range(4):
        put_pair(tmp_path, str(number), number)
        put(tmp_path / "ir" / f"{number}.png", picture(number, channels=1) // 8)
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    short = fuse(*flags).err
    assert short.count("of the infrared values fill") == 1
    assert "3 more with narrow infrared values; --verbose names them" in short
    assert fuse(*flags, "--overwrite", "--verbose").err.count("of the infrared values fill") == 4


def test_a_constant_infrared_image_is_warned_of(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0))
    ir = put(tmp_path / "ir.png", np.full((33, 47), 80, np.uint8))
    outcome = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "fused.png")
    assert outcome.status == 0
    assert "98% of the infrared values fill 0% of their range" in outcome.err


def test_physical_infrared_values(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0, channels=1))
    gray = picture(1, channels=1)
    kelvin = put(tmp_path / "kelvin.tif", (gray / 255 * 40 + 273).astype(np.float32))
    plain = put(tmp_path / "gray.png", gray)
    results = []
    for ir, chosen in ((plain, "full"), (kelvin, "273:313")):
        output = tmp_path / f"{ir.stem}_fused.png"
        flags = ("--ir", ir, "--vis", vis, "--output", output, "--ir_range", chosen)
        assert fuse(*flags).status == 0
        results.append(get(output).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1
    outcome = fuse("--ir", kelvin, "--vis", vis, "--output", tmp_path / "full.png")
    assert outcome.status == 1
    assert "say which of them become 0 to 1 with --ir_range LO:HI" in outcome.err


def test_a_result_of_another_process_is_not_replaced(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ir, vis = put_pair(tmp_path, "a")
    output = tmp_path / "out" / "a.png"
    flags = ("--ir", ir, "--vis", vis, "--output", output)
    read = registered_pairs.read_pair

    def read_slowly(*args: object, **kwargs: object) -> object:
        put(output, picture(5))  # the other process is faster
        return read(*args, **kwargs)

    monkeypatch.setattr(registered_pairs, "read_pair", read_slowly)
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert "another process has written this file meanwhile" in outcome.err
    assert "--overwrite replaces it" in outcome.err
    np.testing.assert_array_equal(get(output), picture(5))
    assert fuse(*flags, "--overwrite").status == 0
    assert [path.name for path in output.parent.iterdir()] == ["a.png"]
