"""Registration is measured as the page says: warps, tables, videos and fused images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark import ROOT
from benchmark.registration.__main__ import parse_args
from benchmark.registration.warps import WARPS, Warp, draw_warp

DEMO = ROOT / "common_data" / "demo" / "ir_vis"
SHAPE = (100, 200)
CORNERS = np.array([[[-0.5, -0.5]], [[199.5, -0.5]], [[199.5, 99.5]], [[-0.5, 99.5]]])


def run(*flags: object) -> list[list[str]]:
    """Return the cells of the rows that the command prints."""
    command = [sys.executable, "-m", "benchmark.registration", *map(str, flags)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("size", WARPS)
def test_warps_stay_within_their_limits(size: str) -> None:
    limits = WARPS[size]
    for seed in range(20):
        warp = draw_warp(limits, SHAPE, np.random.default_rng(seed))
        moved = cv2.perspectiveTransform(CORNERS, warp)
        turned = np.hypot(100, 50) * (np.radians(limits.rotation) + limits.scale)  # a corner
        most = np.sqrt(2) * 200 * (limits.shift + limits.corners) + 1.05 * turned
        assert np.linalg.norm(moved - CORNERS, axis=2).max() <= most


def test_a_warp_of_one_kind_is_of_that_kind() -> None:
    shift = draw_warp(Warp(0.1, 0, 0, 0), SHAPE, np.random.default_rng(0))
    np.testing.assert_allclose(shift[:2, :2], np.eye(2), atol=1e-5)
    assert 0 < np.abs(shift[:2, 2]).max() <= 20
    turn = draw_warp(Warp(0, 90, 0, 0), SHAPE, np.random.default_rng(0))
    np.testing.assert_allclose(turn @ [99.5, 49.5, 1], [99.5, 49.5, 1], atol=1e-3)
    np.testing.assert_allclose(np.linalg.det(turn[:2, :2]), 1, atol=1e-5)


def test_warps_are_undone_and_pairs_fused(tmp_path: Path) -> None:
    pairs = ("--pairs", f"{DEMO}=2", "--warps", "S", "--seeds", 0)
    [_, _, row] = run(*pairs)
    assert row[:3] == ["affine", "S", "0.0%"]
    assert float(row[3]) < 1
    rows = run(*pairs, "--fused", tmp_path / "new")
    assert len(list((tmp_path / "new").glob("*.png"))) == 2
    scores = {row[0]: [float(cell) for cell in row[1:]] for row in rows[2:]}
    for plain, warped, registered in zip(
        *(scores[name] for name in ("as it is", "warped", "registered")), strict=True
    ):
        assert plain > registered > warped


def test_frames_of_one_scene_do_not_spread(tmp_path: Path) -> None:
    for kind in ("ir", "vis"):
        image = cv2.imread(str(DEMO / kind / "noon_crossing.png"))
        for number in range(2):
            (tmp_path / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / kind / f"{number}.png"), image)
    [_, _, row] = run("--pairs", f"{tmp_path}=2", "--warps", "S", "--seeds", 0, "--video")
    assert row == ["affine", "S", "0", "2", "0.00", "0.00"]


@pytest.mark.parametrize("text", ["absent=3", f"{DEMO}=0", f"{DEMO}"])
def test_wrong_pairs_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--pairs", text])
    assert "--pairs" in capsys.readouterr().err
