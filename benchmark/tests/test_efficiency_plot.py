"""The plot of seconds against scores: where its points come from, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark.efficiency import Efficiency, plot
from benchmark.efficiency import __main__ as command_line
from benchmark.methods import BASELINES, Method

pytest.importorskip("matplotlib")
REPORT = "method,images,vif,seconds\nNet,2,0.7,9\nAverage,2,0.5,9\nLate,0,,\n"
POINTS = "name,seconds,vif\nStudent,0.02,0.6\nAverage,0.001,\nUnknown,1,\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "tno").mkdir()
    (tmp_path / "tno" / "report.csv").write_text(REPORT)
    (tmp_path / "points.csv").write_text(POINTS)
    (tmp_path / "long.csv").write_text("name,seconds,PSNR, dB\nStudent,0.02,46,1,2\n")
    return tmp_path


def flags(files: Path) -> list[str]:
    scores, points = f"vif={files / 'tno' / 'report.csv'}", str(files / "points.csv")
    return ["--scores", scores, "--points", points, "--plot", str(files / "plot.png")]


def test_points_are_measured_or_given_and_scores_those_of_the_report(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = {"Net": Method(("pairs",), files), "Average": BASELINES["Average"]}
    monkeypatch.setattr(command_line, "find_methods", lambda: methods)
    monkeypatch.setattr(command_line, "measure", lambda *_: Efficiency(5, 5, 4.0, 1.0))
    drawn = []

    def keep(*given: Any) -> Any:
        drawn.append(plot.draw(*given))
        return drawn[0]

    monkeypatch.setattr(command_line, "draw", keep)
    assert command_line.main(["--methods", "Net", "--device", "cpu", *flags(files)]) == 0
    assert (files / "plot.png").read_bytes().startswith(b"\x89PNG")
    [axes] = drawn[0].axes
    points = {
        line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in axes.lines
    }
    assert points == {
        "network": [(4.0, 0.7)],
        "no network": [(0.001, 0.5)],
        "other program": [(0.02, 0.6)],
    }
    assert {text.get_text() for text in axes.texts} == {"Net", "Average", "Student"}
    assert (axes.get_title(), axes.get_ylabel(), axes.get_xscale()) == ("tno", "VIF ↑", "log")


def test_metrics_of_ones_own_and_panels_in_two_columns(files: Path) -> None:
    own = files / "own.csv"
    own.write_text("name,seconds,PSNR in dB\nStudent,0.02,46\nAverage,0.001,\n")
    panels = [plot.Panel(name, "", {}) for name in ("PSNR in dB", "vif", "PSNR in dB")]
    figure = plot.draw(panels, {}, plot._points(own), {})
    first, second, third, empty = figure.axes
    assert [axes.get_ylabel() for axes in (first, second, third)] == [
        "PSNR in dB", "VIF ↑", "PSNR in dB"
    ]  # fmt: skip
    assert [text.get_text() for text in first.texts] == ["Student"]
    assert not second.texts
    rows = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    assert rows == [0, 0, 1, 1]
    assert not empty.axison


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--plot a.png", "--plot needs scores: --scores vif=report.csv"),
        ("--scores vif=tno/report.csv", "name it with --plot"),
        ("--plot a.png --scores qabf=tno/report.csv", "(--scores) has no column qabf"),
        ("--plot a.png --scores ssim --points points.csv", "--scores ssim: name a file"),
        ("--plot a.png --scores vif --points long.csv", "row 1 has more cells"),
        (
            "--plot points.csv --scores vif=points.csv vif=tno/report.csv",
            "would replace points.csv",
        ),
        ("--plot a.png --scores vif=none.csv", "none.csv (--scores) cannot be read"),
        ("--plot tno --scores vif=tno/report.csv", "tno (--plot) is a folder"),
        (
            "--plot a.png --scores vif=tno/report.csv --points tno/report.csv",
            "(--points) has no column name",
        ),
        ("--plot points.csv --scores vif=points.csv", "would replace points.csv"),
    ],
)
def test_refused_before_anything_is_measured(
    words: str,
    message: str,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr(command_line, "find_methods", dict)
    assert command_line.main(words.split()) == 2
    assert message in capsys.readouterr().err


def test_without_matplotlib(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert command_line.main(["--methods", *flags(files)]) == 2
    assert "--plot needs matplotlib: pip install matplotlib" in capsys.readouterr().err
