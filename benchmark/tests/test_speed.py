import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark import ROOT
from benchmark.speed import __main__ as speed
from benchmark.speed import harness

ANSWER = {
    "cases": {
        "fuse": {
            "about": "pairs, 640x480",
            "per_second": 2.345,
            "plain_per_second": 1.0,
            "ratio": 2.31,
            "gflops_per_second": 70.4,
            "peak_memory_mib": 700.2,
            "plain_peak_memory_mib": 801.4,
        },
        "train": {
            "about": "steps, batch 4",
            "per_second": 12.34,
            "plain_per_second": 9.0,
            "ratio": 1.5,
            "gflops_per_second": 55.0,
            "peak_memory_mib": 900.0,
            "plain_peak_memory_mib": 1000.0,
        },
    },
    "matrix_product_gflops_per_second": 110.0,
    "threads": 2,
}
LINES = [
    "| One_2001 | fuse: pairs, 640x480 | 2.35 | 1 | 2.31 | 70 | 64% | 700 | 801 |",
    "| One_2001 | train: steps, batch 4 | 12.3 | 9 | 1.50 | 55 | 50% | 900 | 1000 |",
]
METHODS = sorted(path.stem for path in (ROOT / "benchmark" / "speed").glob("*_20??.py"))
SMALL = """
import sys, torch
from benchmark.speed import {0} as method
from benchmark.speed.harness import check_equal
for name, value in dict(PAIR=(48, 64), BATCH=1, SIDE=176, SIZE=(32, 48)).items():
    setattr(method, name, value)
torch.set_num_threads(1)
results = []
for build in (method.ours, method.plain):
    torch.manual_seed(0)
    cases = build(torch.device("cpu"))
    assert list(cases) == list(method.ABOUT)
    results.append([case() for case in cases.values()])
for name, *both in zip(method.ABOUT, *results, strict=True):
    check_equal(name, *both)
"""
needs_packages = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("accelerate", "safetensors")),
    reason="the packages of the methods are not installed (requirements.txt at the top)",
)


def method(folder: Path, name: str, text: str) -> Path:
    """Make a method's folder in which `benchmark.speed.<name>` is a script of this text."""
    home = folder / name
    package = home / "benchmark" / "speed"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / f"{name}.py").write_text(text)
    return home


@pytest.fixture
def methods(tmp_path: Path) -> dict[str, Path]:
    """A method that measures, and notes how it was called; one that fails; one that prints."""
    note = "import pathlib, sys; pathlib.Path('called').write_text(' '.join(sys.argv[1:]))\n"
    return {
        "One_2001": method(tmp_path, "One_2001", f"{note}print({json.dumps(ANSWER)!r})"),
        "Bad_2002": method(tmp_path, "Bad_2002", "raise SystemExit(3)"),
        "Odd_2003": method(tmp_path, "Odd_2003", "print('no figures')"),
    }


def call(methods: dict[str, Path], output: Path, *more: str) -> int:
    return speed.main(speed.parse_args(["--output", str(output), *more], methods), methods)


def test_methods_without_a_file_are_named(tmp_path: Path) -> None:
    for name in ("Other_2031", METHODS[0]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run_fusion.py").touch()
    assert speed.measurable(tmp_path) == ({METHODS[0]: tmp_path / METHODS[0]}, ["Other_2031"])


def test_table(methods: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out/speed.md"
    assert call(methods, output, "--methods", "One_2001", "--rounds", "2") == 0
    lines = output.read_text("utf-8").splitlines()
    start = lines.index("|---|---|---|---|---|---|---|---|---|")
    assert lines[start + 1 : start + 4] == [*LINES, ""]
    assert "- Matrix product, GFLOP/s: 110 beside One_2001" in lines
    assert "- Threads: 2" in lines
    command = "python -m benchmark.speed --output speed.md --methods One_2001 --rounds 2"
    assert f"- Command: `{command}`" in lines
    called = (methods["One_2001"] / "called").read_text()
    assert called == "--device cpu --rounds 2"
    assert str(tmp_path) not in output.read_text("utf-8")


def test_failing_methods_do_not_stop_the_others(
    methods: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "speed.md"
    assert call(methods, output, "--methods", "Bad_2002", "Odd_2003", "One_2001") == 1
    errors = capsys.readouterr().err
    assert "error: Bad_2002: its measurement ended with status 3" in errors
    assert "error: Odd_2003: its measurement printed no JSON" in errors
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


@needs_packages
@pytest.mark.parametrize("name", METHODS)
def test_both_forms_of_a_method_give_the_same(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL.format(name)],
        cwd=ROOT / name,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


def build(device: torch.device, by: float = 1.0) -> dict[str, harness.Case]:
    """Return a product of known size and an image."""
    a = torch.rand(64, 64, device=device)
    return {
        "train": lambda: float((a @ a).sum()) * by,
        "fuse": lambda: np.full((4, 5), 100 * by, np.uint8),
    }


def build_other(device: torch.device) -> dict[str, harness.Case]:
    return build(device, by=1.05)


def test_cases_are_measured_in_turn() -> None:
    cpu = torch.device("cpu")
    with harness.Worker(build, cpu) as ours, harness.Worker(build, cpu) as plain:
        found = harness.compare({"train": "a product"}, ours, plain, rounds=1)
    [case] = found["cases"].values()
    assert case["about"] == "a product"
    assert case["ratio"] == pytest.approx(case["per_second"] / case["plain_per_second"])
    assert case["gflops_per_second"] == pytest.approx(2e-9 * 64**3 * case["per_second"])
    assert min(case["peak_memory_mib"], case["plain_peak_memory_mib"]) > 50
    assert found["matrix_product_gflops_per_second"] > 0


@pytest.mark.parametrize("case", ["train", "fuse"])
def test_forms_that_differ_are_not_timed(case: str) -> None:
    cpu = torch.device("cpu")
    with (
        harness.Worker(build, cpu) as ours,
        harness.Worker(build_other, cpu) as plain,
        pytest.raises(ValueError, match=f"{case}: the two forms give different results"),
    ):
        harness.compare({case: ""}, ours, plain, rounds=1)
