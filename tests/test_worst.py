"""The sheet of the worst scenes: which scenes it shows, where, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.contact_sheet import CAPTION, CELL, GAP
from tools.worst import main

SCORES = """method,image,vif,nabf
Net,a,0.5,0.01
Net,b,0.3,0.02
Net,c,0.4,0.04
Other,a,0.1,0.9
"""
LEVELS = {"a": 10, "b": 80, "c": 150}  # of the infrared images; the others are brighter


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for step, folder in enumerate(("set/ir", "set/vis", "net")):
        (tmp_path / folder).mkdir(parents=True)
        for name, level in LEVELS.items():
            image = np.full((48, 64), level + 20 * step, np.uint8)
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), image)
    (tmp_path / "scores.csv").write_text(SCORES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*more: str) -> int:
    given = ["--data", "set", "--scores", "scores.csv", "--fused", "Net=net"]
    return main([*given, "--output", "sheet.png", "--metric", *more])


def shown(sheet: Path) -> list[list[int]]:
    """Return the level in the middle of each picture."""
    image = cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    height, width = CELL[0] + CAPTION + GAP, CELL[1] + GAP
    middles = image[GAP + CAPTION + CELL[0] // 2 :: height, GAP + CELL[1] // 2 :: width]
    return [[int(level) for level in row] for row in middles]


def test_lowest_first_where_higher_is_better(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("vif", "--count", "2") == 0
    assert shown(files / "sheet.png") == [[80, 100, 120], [150, 170, 190]]
    assert capsys.readouterr().out.splitlines()[:2] == ["0.3000 b", "0.4000 c"]


def test_highest_first_where_lower_is_better(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("nabf") == 0
    found = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert found == ["c", "b", "a", "sheet.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ssim", "(--scores) has no column ssim"),
        ("vif --fused Net=set", "no image"),
        ("vif --scores none.csv", "none.csv"),
        ("vif --output net/a.png --overwrite", "would replace net/a.png"),
        ("vif --output net", "(--output) is a folder"),
        ("vif --output scores.csv", "scores.csv exists; replace it with --overwrite"),
    ],
)
def test_refused(words: str, message: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words.split()) == 1
    assert message in capsys.readouterr().err
    assert (files / "scores.csv").read_text() == SCORES


def test_a_method_or_a_result_is_missing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "net" / "b.png").unlink()
    assert run("vif") == 1
    assert "net (--fused Net) has no image for b" in capsys.readouterr().err
    (files / "scores.csv").write_text(SCORES.replace("0.4,", ","))
    assert run("vif") == 1
    assert "scores.csv (--scores), column vif: could not convert" in capsys.readouterr().err
    (files / "scores.csv").write_text(SCORES.replace("Net", "Mine"))
    assert run("vif") == 1
    assert "has no method Net (--fused); it has Mine, Other" in capsys.readouterr().err
