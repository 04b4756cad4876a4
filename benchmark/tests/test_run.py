import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmark import run
from benchmark.image_files import read_channels
from benchmark.image_sets import find_set
from benchmark.methods import BASELINES, find_methods
from benchmark.metrics import CONVENTIONS
from benchmark.tests.cli import read, save
from benchmark.tests.runs import CHOSEN, REPORTS, call, stand_ins, written
from benchmark.tests.stand_ins import SIZE, add_pairs, add_scenes, stand_in

needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("accelerate", "safetensors")),
    reason="the methods' packages are not installed (requirements.txt at the top)",
)


def test_pairs(tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = {**stand_ins(tmp_path, "good", "inverse"), "Average": BASELINES["Average"]}
    assert call(pairs, out, methods, "--split", "all") == 0
    header, *rows = read(out / "scores.csv")
    assert header == ["method", "image", *CHOSEN]
    assert [row[:2] for row in rows] == [[m, s] for m in methods for s in "abc"]
    for method, scene, *scores in rows:
        sources = [read_channels(pairs / f"{side}/{scene}.png") for side in ("ir", "vis")]
        fused = read_channels(out / f"fused/{method}/{scene}.png")
        expected = CONVENTIONS["standard"].score(CHOSEN, sources, fused)
        assert [float(score) for score in scores] == pytest.approx(expected, rel=1e-8)
    good = cv2.imread(str(out / "fused/Good/b.png"))
    assert good is not None
    np.testing.assert_array_equal(good, cv2.imread(str(pairs / "vis/b.png")))
    printed = capsys.readouterr().out
    assert "Inverse: fusing 3 pairs" in printed
    assert "convention standard" in printed
    markdown = (out / "report.md").read_text("utf-8")
    means = [np.mean([float(row[4]) for row in rows if row[0] == name]) for name in methods]
    [line] = [line for line in markdown.splitlines() if line.startswith("| SSIM ↑ |")]
    assert re.findall(r"-?\d\.\d{4}", line)[::2] == [f"{mean:.4f}" for mean in means]
    assert "| Good | 0.125 |" in markdown


def test_scenes_of_exposures(tmp_path: Path, out: Path) -> None:
    add_scenes(tmp_path / "set", "xy", count=3)
    methods = {**stand_ins(tmp_path, "good"), "Mertens": BASELINES["Mertens"]}
    assert call(tmp_path / "set", out, methods, "--metrics", "en", "mef_ssim") == 0
    rows = read(out / "scores.csv")[1:]
    assert [row[:2] for row in rows] == [[m, s] for m in methods for s in "xy"]
    assert '"name": "ev2"' in (out / "report.html").read_text("utf-8")


def test_the_methods_that_can_fuse_the_set_are_the_default(tmp_path: Path) -> None:
    add_pairs(tmp_path / "pairs", "a")
    add_scenes(tmp_path / "scenes", "a")
    able = {
        kind: list(run.choose_methods(None, find_set(str(tmp_path / kind)), find_methods()))
        for kind in ("pairs", "scenes")
    }
    assert able == {
        "pairs": [
            *("DenseFuse", "NestFuse", "U2Fusion", "U2Fusion-realtime", "U2Fusion-realtime-small"),
            *("BFFR", "Average", "Laplacian"),
        ],
        "scenes": ["DeepFuse", "DeepFuse-realtime", "U2Fusion", "Average", "Laplacian", "Mertens"],
    }


def test_a_method_that_cannot_fuse_the_set_is_refused(
    pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(pairs, out, find_methods(), "--methods", "DeepFuse") == 1
    message = "DeepFuse (--methods) cannot fuse pairs, which set (--data) holds; DenseFuse,"
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_metrics_of_pairs_are_refused_before_fusing_more_exposures(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_scenes(tmp_path / "scenes", "b", count=3)
    assert call(tmp_path / "scenes", out, find_methods(), "--metrics", "en", "scd") == 1
    assert "scd (--metrics) compare" in (message := capsys.readouterr().err)
    assert "scene b (--data) has 3" in message
    assert not out.exists()


@pytest.mark.parametrize(
    ("behavior", "reason"),
    [
        ("failing", "ended with status 3: error: b.png is broken"),
        ("partial", "made no result for b"),
        ("cut", "b: sizes differ"),
    ],
)
def test_one_failing_method_does_not_stop_the_others(
    tmp_path: Path,
    pairs: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    behavior: str,
    reason: str,
) -> None:
    assert call(pairs, out, stand_ins(tmp_path, behavior, "good")) == 1
    name = behavior.title()
    assert f"error: {name}: {reason}" in capsys.readouterr().err
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Good"}
    for report in (out / "report.md", out / "report.html"):
        text = report.read_text("utf-8")
        assert "Failed" in text
        assert reason in text
        assert str(tmp_path) not in text


def test_when_all_fail_nothing_is_reported(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = {"Failing": stand_in(tmp_path, "failing")}
    assert call(pairs, out, methods) == 1
    assert "every method failed" in capsys.readouterr().err
    assert written(out) == set()
    methods = {"Cut": stand_in(tmp_path, "cut")}
    assert call(pairs, out, methods) == 1
    assert "no method could be scored" in capsys.readouterr().err
    assert written(out) == set()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "ir/c.png cannot be decoded as an image"),
        (np.zeros((3, 4), np.uint8), "sizes differ, height x width:"),
        (np.zeros(SIZE, np.float32), "ir/c.tif holds float32 values"),
    ],
)
def test_broken_sources_are_found_before_fusing(
    tmp_path: Path,
    pairs: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    image: np.ndarray | None,
    message: str,
) -> None:
    (pairs / "ir/c.png").write_bytes(b"")
    if image is not None:
        (pairs / "ir/c.png").unlink()
        save(pairs / f"ir/c.{'tif' if image.dtype == np.float32 else 'png'}", image)
    assert call(pairs, out, {"Good": stand_in(tmp_path, "good")}) == 1
    told = capsys.readouterr()
    assert "error: c (--data): " in told.err
    assert message in told.err
    assert "fusing" not in told.out
    assert not out.exists()


def test_first_and_the_viewer_s_scenes(tmp_path: Path, pairs: Path, out: Path) -> None:
    methods = stand_ins(tmp_path, "good")
    assert call(pairs, out, methods, "--first", "2", "--viewer_scenes", "1") == 0
    assert len(read(out / "scores.csv")) == 1 + 2
    page = (out / "report.html").read_text("utf-8")
    assert [scene["scene"] for scene in viewer_data(page)] == ["a"]
    assert "The first 1 of 2 pairs are shown." in page


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--viewer_scenes", "-1"], "expected a whole number, found '-1'"),
        (["--first", "0"], "expected a whole number of at least 1, found '0'"),
        (["--methods", "Other"], "invalid choice: 'Other'"),
        (["--convention", "vifb", "--metrics", "scd"], "--convention vifb has no scd"),
    ],
)
def test_wrong_arguments(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.parse_args(["--data", "tno", *flags], find_methods())
    assert message in " ".join(capsys.readouterr().err.split())


def test_as_a_script(pairs: Path) -> None:
    flags = ["--methods", "Average", "--metrics", "en", "--output", "out", "--workers", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.run", "--data", pairs.name, *flags],
        cwd=pairs.parent,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "EN ↑" in done.stdout
    assert written(pairs.parent / "out") == set(REPORTS)
    command = f"`python -m benchmark.run --data set {' '.join(flags)}`"
    assert command in (pairs.parent / "out/report.md").read_text("utf-8")


def viewer_data(page: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: list[dict[str, Any]] = json.loads(found[1])
    return data


@needs_packages
@pytest.mark.parametrize(
    ("data", "method"),
    [
        ("demo/ir_vis", "DenseFuse"),
        ("demo/exposures", "DeepFuse"),
        ("demo/exposures", "DeepFuse-realtime"),
    ],
)
def test_a_real_method_on_the_demo(out: Path, data: str, method: str) -> None:
    flags = ["--first", "1", "--methods", method, "--metrics", "en", "sf"]
    assert call(data, out, find_methods(), *flags, "--method_flags=--tile 64") == 0
    [scene] = viewer_data((out / "report.html").read_text("utf-8"))
    [_, row] = read(out / "scores.csv")
    assert row[0] == method
    assert 3 < float(row[2]) < 8  # bits of entropy
    record = json.loads((out / f"logs/{method}.json").read_text())
    assert record["seconds"] > 0
    assert record["peak_mib"] > 100
    [result] = scene["results"]
    assert result["name"] == method
    code = base64.b64decode(result["data"].partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    fused = cv2.imread(str(out / f"fused/{method}/{row[1]}.png"))
    assert fused is not None
    assert picture.shape == fused.shape
    assert np.abs(picture.astype(float) - fused).mean() < 3
