"""run_all.sh on a made-up repository, in an environment that is only a name for this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
FUSES = 'mkdir -p "$OUT" && cp "$DEMO"/ir_vis/vis/* "$OUT" && "$PYTHON" --version && touch made\n'
PASSES = "def test_one() -> None:\n    assert True\n\n\ndef test_two() -> None:\n    assert True\n"
FAILS = "def test_three() -> None:\n    raise ValueError\n"
TOOLS = ("tools/regression.py", "tools/contact_sheet.py")
SKIPS = (
    'import pytest\n\n\n@pytest.mark.skip(reason="made up")\ndef test_four() -> None:\n    pass\n'
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A benchmark folder that is sound and a method of which only code and tests exist."""
    root = tmp_path / "path with spaces"
    texts = {
        "benchmark/evaluate.py": '"""Nothing to score."""\n',
        "benchmark/tests/test_sound.py": PASSES,
        "Fake_2001/tests/test_fake.py": PASSES + "\n\n" + FAILS,
        "Fake_2001/tests/test_skipped.py": SKIPS,
        "Fake_2001/configs.py": '"""Nothing to set."""\n',
        "Fake_2001/utils/__init__.py": '"""Nothing of use."""\n',
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for kind in ("ir", "vis"):
        picture = root / "common_data" / "demo" / "ir_vis" / kind / "scene.png"
        picture.parent.mkdir(parents=True)
        cv2.imwrite(str(picture), np.full((30, 40, 3), 90, np.uint8))
    lists = ("requirements.txt", "requirements-dev.txt")
    for name in ("run_all.sh", "pyproject.toml", *lists, *TOOLS):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    python = root / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in lists:
        shutil.copy(ROOT / name, root / "environment" / f"installed-{name}")
    return root


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VIRTUAL_ENV": str(tree / "environment")}
    return subprocess.run(
        ["bash", str(tree / "run_all.sh"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


def test_help_names_every_form_of_the_call(tree: Path) -> None:
    answer = run(tree, "--help")
    assert answer.returncode == 0
    assert all(word in answer.stdout for word in ("demo", "--update", "FOLDER"))


@pytest.mark.parametrize("arguments", [["Nobody_1999"], ["--nonsense"], ["demo", "Fake_2001"]])
def test_a_wrong_call_is_refused(tree: Path, arguments: list[str]) -> None:
    answer = run(tree, *arguments)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert answer.stdout == ""


def test_a_sound_folder_passes(tree: Path) -> None:
    answer = run(tree, "benchmark")
    assert answer.stdout.splitlines()[-1] == "4 passed, 0 failed"  # 2 steps, 2 tests
    assert answer.returncode == 0


def test_each_folder_of_apps_is_one_to_check(tree: Path) -> None:
    for name in ("one", "two"):
        folder = tree / "apps" / name
        (folder / "tests").mkdir(parents=True)
        (folder / "program.py").write_text('"""Nothing to run."""\n')
        (folder / "tests" / f"test_{name}.py").write_text(PASSES)
    answer = run(tree, "apps/two")
    assert answer.stdout.splitlines()[-1] == "4 passed, 0 failed"  # 2 steps, 2 tests
    assert "apps/one" not in answer.stdout
    answer = run(tree, "Nobody_1999")
    assert "apps/one" in answer.stderr  # among those that there are


def test_failures_are_counted_and_do_not_stop_the_rest(tree: Path) -> None:
    (tree / "Fake_2001" / "smoke.sh").write_text(FUSES)
    answer = run(tree, "Fake_2001", "benchmark")
    lines = answer.stdout.splitlines()
    # Fails: a test, and regression, which nothing is stored for. Passes: 3 steps, 2 tests;
    # benchmark's 4.
    assert lines[-1] == "9 passed, 2 failed, 1 skipped"
    assert answer.returncode == 1
    rows = {tuple(line.split()[:2]): line for line in lines[lines.index("") :]}
    assert "FAILED 1 failed, 2 passed, 1 skipped" in rows["Fake_2001", "tests"]
    assert rows["Fake_2001", "smoke"].endswith("passed")
    assert not (tree / "Fake_2001" / "made").exists()  # it ran in a copy
    assert rows["Fake_2001", "regression"].rstrip().endswith("FAILED")
    assert rows["benchmark", "style"].endswith("passed")


def test_a_suite_that_cannot_start_counts_as_a_failure(tree: Path) -> None:
    (tree / "benchmark" / "tests" / "test_sound.py").unlink()
    answer = run(tree, "benchmark")
    assert answer.stdout.splitlines()[-1] == "2 passed, 1 failed"
    assert answer.returncode == 1


def test_the_demo_is_fused_by_every_method(tree: Path) -> None:
    (tree / "Fake_2001" / "smoke.sh").write_text(FUSES)
    answer = run(tree, "demo")
    assert answer.returncode == 0, answer.stderr
    assert (tree / "demo_result" / "Fake_2001" / "scene.png").is_file()
    assert cv2.imread(str(tree / "contact_sheet.png")) is not None
    (tree / "Fake_2001" / "smoke.sh").write_text("exit 1\n")
    assert run(tree, "demo").returncode == 1
