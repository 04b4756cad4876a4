"""`tools/losses.py` prints and draws the curves of runs."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from tools import losses as tool

ROOT = Path(__file__).resolve().parents[1]


def put_run(folder: Path, name: str, *starts: Mapping[int, float]) -> Path:
    """Write a run of one or several starts, and return its folder."""
    for number, values in enumerate(starts):
        with SummaryWriter(folder / "logs", filename_suffix=f".{number}") as writer:
            for step, value in values.items():
                writer.add_scalar(name, value, step)
    return folder


def losses(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "losses.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_runs_side_by_side(tmp_path: Path) -> None:
    one = put_run(tmp_path / "one", "loss/train", {1: 4.0, 2: 2.0}, {3: 1.0})
    two = put_run(tmp_path / "two", "loss", {1: 4.0, 2: 1.5})
    done = losses(one, two)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "| step | one | two |",
        "| --- | --- | --- |",
        "| 1 | 4.000000 | 4.000000 |",
        "| 2 | 2.000000 | 1.500000 |",
        "| 3 | 1.000000 |  |",
        "",
        "Largest relative difference: 2.5e-01",
    ]


def test_a_curve_that_is_not_there(tmp_path: Path) -> None:
    run = put_run(tmp_path / "one", "lr", {1: 0.1})
    done = losses(run)
    assert done.returncode == 1
    assert "has no loss/train or loss (--name) in logs/; it has lr" in done.stderr
    assert "| 1 | 0.100000 |" in losses(run, "--name", "lr").stdout


def test_a_plot(tmp_path: Path) -> None:
    run = put_run(tmp_path / "one", "loss/train", {1: 400.0, 2: 2.0})
    put_run(run, "loss/val", {1: 300.0, 2: 3.0})
    file = tmp_path / "losses.png"
    done = losses(run, "--plot", file, "--labels", "Net")
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().startswith(b"\x89PNG")
    curves = tool.read_curves(run)
    figure = tool.draw([curves], ["loss/train"], ["Net"])
    [axes] = figure.axes
    shown = {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines
    }
    assert shown == {"Net": ([1, 2], [400, 2]), "validation": ([1, 2], [300, 3])}
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "loss", "log")
    [axes] = tool.draw([{"loss": {50: 0.2, 100: 0.1}}], ["loss"], ["BFFR"]).axes
    assert (axes.get_xlabel(), axes.get_yscale()) == ("iteration", "linear")


def test_a_plot_that_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = put_run(tmp_path / "one", "loss", {1: 4.0})
    wrong = losses(run, "--plot", tmp_path / "a.png", "--labels", "one", "two")
    assert wrong.stderr == "error: 2 --labels for 1 runs\n"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ValueError, match="--plot needs matplotlib: pip install matplotlib"):
        tool.draw([{"loss": {1: 4.0}}], ["loss"], ["one"])
