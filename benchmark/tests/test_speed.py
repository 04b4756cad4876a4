from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import speed
from sets import ROOT

ANSWER = {
    "about": {
        "method": "One_2001",
        "train_stage1": "steps, batch 4",
        "fuse": "pairs, 640x480",
        "device": "cpu",
        "threads": 2,
    },
    "fuse": {
        "per_second": 2.345,
        "plain_per_second": 1.0,
        "ratio": 2.31,
        "gflops_per_second": 70.4,
        "share_of_matrix_product": 0.641,
        "peak_memory_mib": {"ours": 700, "plain": 801},
    },
    "train_stage1": {
        "per_second": 12.34,
        "plain_per_second": 9.0,
        "ratio": 1.5,
        "gflops_per_second": 55.0,
        "share_of_matrix_product": 0.5,
        "peak_memory_mib": {"ours": 900, "plain": 1000},
    },
    "matrix_product_gflops_per_second": 109.8,
}
HEAD = ["method", "what", "a second", "plain", "ratio", "GFLOP/s"]
LINES = [
    "| One_2001 | fuse: pairs, 640x480 | 2.35 | 1 | 2.31 | 70 | 64% | 700 | 801 |",
    "| One_2001 | train stage1: steps, batch 4 | 12.3 | 9 | 1.50 | 55 | 50% | 900 | 1000 |",
]


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name / "speed.py"
    path.parent.mkdir()
    path.write_text(text)
    return path


@pytest.fixture
def methods(tmp_path: Path) -> dict[str, Path]:
    """A method that measures, and notes how it was called; one that fails; one that prints."""
    note = "import pathlib, sys; pathlib.Path('called').write_text(' '.join(sys.argv[1:]))\n"
    return {
        "One_2001": script(tmp_path, "One_2001", f"{note}print({json.dumps(ANSWER)!r})"),
        "Bad_2002": script(tmp_path, "Bad_2002", "raise SystemExit(3)"),
        "Odd_2003": script(tmp_path, "Odd_2003", "print('no figures')"),
    }


def call(methods: dict[str, Path], output: Path, *more: str) -> int:
    return speed.main(speed.parse_args(["--output", str(output), *more], methods), methods)


def test_every_method_is_measured_by_default() -> None:
    found = {path.parent.name: path for path in ROOT.glob("*_20[0-9][0-9]/speed.py")}
    assert found == speed.METHODS
    assert speed.parse_args(["--output", "x.md"]).methods == list(speed.METHODS)


def test_table(methods: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out/speed.md"
    flags = ["--methods", "One_2001", "--rounds", "2", "--threads", "1"]
    assert call(methods, output, *flags) == 0
    lines = output.read_text("utf-8").splitlines()
    start = lines.index("|---|---|---|---|---|---|---|---|---|")
    assert [cell.strip() for cell in lines[start - 1].split("|")][1:7] == HEAD
    assert lines[start + 1 : start + 4] == [*LINES, ""]
    assert "- Matrix product, GFLOP/s: 110 beside One_2001" in lines
    assert "- Threads: 2" in lines
    command = (
        "- Command: `python benchmark/speed.py --output speed.md --methods One_2001 --rounds 2"
    )
    assert f"{command} --threads 1`" in lines
    called = (methods["One_2001"].parent / "called").read_text()
    assert called == "--device cpu --threads 1 --rounds 2"
    assert str(tmp_path) not in output.read_text("utf-8")


def test_failing_methods_do_not_stop_the_others(
    methods: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "speed.md"
    assert call(methods, output, "--methods", "Bad_2002", "Odd_2003", "One_2001") == 1
    errors = capsys.readouterr().err
    assert "error: Bad_2002: Bad_2002/speed.py ended with 3" in errors
    assert "error: Odd_2003: Odd_2003/speed.py printed no JSON" in errors
    assert LINES[0] in output.read_text("utf-8")
    output.unlink()
    assert call(methods, output, "--methods", "Bad_2002") == 1
    assert not output.exists()


def test_an_existing_table_is_kept(
    methods: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "speed.md"
    output.write_text("precious")
    assert call(methods, output) == 1
    assert "exists; --overwrite replaces it" in capsys.readouterr().err
    assert output.read_text() == "precious"
    assert call(methods, output, "--overwrite", "--methods", "One_2001") == 0
    assert LINES[1] in output.read_text("utf-8")


def test_an_output_that_is_a_loop(
    methods: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "loop.md"
    output.symlink_to(output)
    assert call(methods, output, "--overwrite") == 1
    assert f"{output} (--output) is a loop of symbolic links" in capsys.readouterr().err


def test_another_interpreter_is_used(methods: dict[str, Path], tmp_path: Path) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\ntouch "{tmp_path}/used"\nexec "{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    flags = ["--methods", "One_2001", "--python", str(wrapper)]
    assert call(methods, tmp_path / "speed.md", *flags) == 0
    assert (tmp_path / "used").exists()
