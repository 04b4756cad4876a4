"""`scripts/`: the method's files, started from any folder; see also test_train and test_fusion."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import configs
import run_fusion
from tests.helpers import FOLDER, run_script
from utils.common.flags import FlagParser, optional_path


@pytest.fixture(scope="module")
def scripts() -> ModuleType:
    """`scripts/config.py`, which is not in a package."""
    spec = importlib.util.spec_from_file_location("config", FOLDER / "scripts" / "config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_config_prints_the_settings(tmp_path: Path) -> None:
    done = run_script(str(FOLDER / "scripts" / "config.py"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split()
    assert shown[:2] == ["usage:", "run_train.py"]
    for name in vars(configs.build_parser().parse_args([])):
        assert f"--{name}" in done.stdout


def parsers(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlagParser]:
    """Yield the parsers of both scripts."""
    yield configs.build_parser()
    made: list[FlagParser] = []
    with monkeypatch.context() as patched:
        patched.setattr(FlagParser, "parse_args", lambda self, argv: made.append(self))
        run_fusion.parse_args([])
    yield from made


@pytest.mark.parametrize("number", [0, 1], ids=["train", "fusion"])
def test_paths_are_resolved_and_nothing_else(
    tmp_path: Path, scripts: ModuleType, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    parser = list(parsers(monkeypatch))[number]
    file = ("run_train.py", "run_fusion.py")[number]
    monkeypatch.chdir(tmp_path)
    paths = set()
    for action in parser._actions:
        for flag in action.option_strings:
            if not flag.startswith("--"):
                continue
            words = [flag, "x", "y"] if action.nargs == "+" else [flag, "x"]
            absolute = [flag, *(str(tmp_path / word) for word in words[1:])]
            is_path = action.type in (Path, optional_path)
            paths |= {action.dest} if is_path else set()
            assert scripts.map_paths(file, words) == (absolute if is_path else words), flag
            joined = f"{flag}={absolute[1]}" if is_path else f"{flag}=x"
            assert scripts.map_paths(file, [f"{flag}=x"]) == [joined], flag
    assert len(paths) > 5
    for words in (["--resume_path", "None"], ["--resume_path=None"]):
        assert scripts.map_paths("run_train.py", words) == words
    assert scripts.map_paths(file, ["--ir", "/a/b", "--seed", "-1"]) == [
        "--ir",
        "/a/b",
        "--seed",
        "-1",
    ]


def test_words_and_exit_status_are_passed_on(
    scripts: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def call(words: list[str], cwd: Path) -> int:
        calls.append((words, cwd))
        return 7

    monkeypatch.setattr(subprocess, "call", call)
    assert scripts.start("run_train.py", ["--output", "False", "--lr=1e-3"]) == 7
    words = [sys.executable, "run_train.py", "--output", "False", "--lr=1e-3"]
    assert calls == [(words, FOLDER)]
