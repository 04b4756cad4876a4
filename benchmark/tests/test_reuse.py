"""Outputs of benchmark.run that exist: results of earlier runs, and what is not a folder."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.methods import BASELINES
from benchmark.tests.cli import read, save
from benchmark.tests.runs import REPORTS, call, stand_ins, written
from benchmark.tests.stand_ins import SIZE, stand_in


@pytest.mark.parametrize("record", ["", "{", "[1]", '{"a": 1}', "\0"])
def test_a_record_that_a_killed_run_left_is_none(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str], record: str
) -> None:
    methods = stand_ins(tmp_path, "good")
    assert call(pairs, out, methods) == 0
    (out / "logs/Good.json").write_text(record)
    for name in REPORTS:
        (out / name).unlink()
    assert call(pairs, out, methods, "--reuse") == 1
    assert "--reuse keeps them if one complete run of the same command" in capsys.readouterr().err
    assert call(pairs, out, methods, "--reuse", "--overwrite") == 0


def test_an_output_that_is_no_folder(
    tmp_path: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for output, message in (
        ("loop", "is a loop of symbolic links"),
        ("loop/out", "is a loop of symbolic links"),
        ("file", "is a file; expected a folder"),
        ("file/out", "cannot be written"),
    ):
        path = tmp_path / output
        assert call(pairs, path, {"Average": BASELINES["Average"]}) == 1
        assert f"error: {path} (--output) {message}" in capsys.readouterr().err


def test_nothing_is_replaced_unasked(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = stand_ins(tmp_path, "good")
    assert call(pairs, out, methods) == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    assert call(pairs, out, methods) == 1
    assert "scores.csv exists; --overwrite replaces it" in capsys.readouterr().err
    for name in REPORTS:
        (out / name).unlink()
    assert call(pairs, out, methods) == 1
    assert "a.png exists (3 of 3 results); --overwrite replaces them" in capsys.readouterr().err
    kept = {path: data for path, data in before.items() if path.name not in REPORTS}
    assert {path: path.read_bytes() for path in kept} == kept
    assert written(out) == set()
    assert call(pairs, out, methods, "--overwrite") == 0


def test_results_are_reused_if_asked(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = stand_ins(tmp_path, "good", "inverse")
    assert call(pairs, out, methods) == 0
    save(out / "fused/Good/a.png", np.zeros((*SIZE, 3), np.uint8))  # to know it again
    (out / "fused/Inverse/b.png").unlink()
    assert call(pairs, out, methods, "--reuse", "--overwrite") == 0
    printed = capsys.readouterr().out
    assert "Good: 3 pairs of an earlier run" in printed
    assert printed.count("Inverse: fusing 3 pairs") == 2
    [score] = [row[2] for row in read(out / "scores.csv") if row[:2] == ["Good", "a"]]
    assert float(score) == 0
    assert "| Good | 0.125 |" in (out / "report.md").read_text("utf-8")
    assert "of an earlier run |" in (out / "report.md").read_text("utf-8")


def test_results_of_other_flags_are_not_reused(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = stand_ins(tmp_path, "good")
    assert call(pairs, out, methods) == 0
    capsys.readouterr()
    flags = ("--reuse", "--overwrite", "--method_flags=--extra word")
    assert call(pairs, out, methods, *flags) == 0
    assert "Good: fusing 3 pairs" in capsys.readouterr().out
    assert call(pairs, out, methods, *flags) == 0
    assert "Good: 3 pairs of an earlier run" in capsys.readouterr().out


def test_what_a_failed_run_left_is_not_reused(
    tmp_path: Path, pairs: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, failing = stand_in(tmp_path, "good"), stand_in(tmp_path, "failing")
    assert call(pairs, out, {"One": good}) == 0
    assert call(pairs, out, {"One": failing}, "--overwrite") == 1
    assert len(list((out / "fused/One").iterdir())) == 3  # of two runs
    for name in REPORTS:
        (out / name).unlink()
    capsys.readouterr()
    assert call(pairs, out, {"One": good}, "--reuse") == 1
    assert "--overwrite replaces them" in capsys.readouterr().err
    assert call(pairs, out, {"One": good}, "--reuse", "--overwrite") == 0
    assert "One: fusing 3 pairs" in capsys.readouterr().out
