"""Calls of benchmark.evaluate, in this process or another."""

import contextlib
import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.evaluate import main, parse_args

EVALUATE = (sys.executable, "-m", "benchmark.evaluate")
PAIRS = ["--ir", "ir", "--vis", "vis", "--fused", "mean=mean", "visible=visible"]
SCENES = ["--scenes", "scenes", "--fused", "first=first", "middle=middle"]
Done = subprocess.CompletedProcess[str]


def save(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def run(folder: Path, *arguments: str) -> Done:
    """Run its `main` in `folder`, with one worker and the output in out/."""
    command = ["--output", "out/scores.csv", "--workers", "1", *arguments]
    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status: int = main(parse_args(command))
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def run_script(folder: Path, *arguments: str) -> Done:
    """Run it in `folder` as a process of its own, without a locale, which is the hardest case."""
    command = [*EVALUATE, "--output", "out/scores.csv", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def refused(folder: Path, done: Done, *messages: str) -> None:
    """Assert that it failed with these messages and left nothing behind."""
    assert done.returncode == 1
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()
