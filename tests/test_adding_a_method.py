"""docs/adding_a_method.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "adding_a_method.md"
METHOD = "WeightFuse_2024"
FILE = re.compile(r"^`([\w./]+)`\n\n(`{3,})\w*\n(.*?)^\2\n", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^## 7\..*?^```shell\n(.*?)^```", re.MULTILINE | re.DOTALL)
LEAVE = (
    ".git",
    ".venv",
    ".pytest_cache",
    "__pycache__",
    "runs",
    "results",
    "data_*",
    "fusion_result",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of the repository with the page's files, and an environment beside it."""
    root = tmp_path / "repository"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEAVE))
    shutil.copytree(ROOT / "common_code", root / "common_code", dirs_exist_ok=True)  # also runs/
    for name, _, text in FILE.findall(PAGE.read_text("utf-8")):
        file = root / METHOD / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(root / name, tmp_path / "environment" / f"installed-{name}")
    return root


@pytest.mark.slow
def test_a_sixth_method_needs_no_edit_outside_its_folder(repository: Path) -> None:
    environment = repository.parent / "environment"
    [commands] = COMMANDS.findall(PAGE.read_text("utf-8"))
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxc", commands],
        cwd=repository,
        env={**os.environ, "PATH": path, "VIRTUAL_ENV": str(environment), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert re.search(r"^[1-9]\d* passed, 0 failed", done.stdout, re.MULTILINE)
    results = sorted((repository / METHOD / "fusion_result").rglob("*.png"))
    demo = sorted((repository / METHOD / "demo" / "vis").glob("*.png"))
    assert [path.name for path in results] == [path.name for path in demo]
    for result, visible in zip(results, demo, strict=True):
        fused, source = cv2.imread(str(result)), cv2.imread(str(visible))
        assert fused.shape == source.shape
        assert fused.mean() > 16
    scores = (repository / "benchmark" / "results").rglob("*.csv")
    assert any("WeightFuse" in file.read_text("utf-8") for file in scores)
