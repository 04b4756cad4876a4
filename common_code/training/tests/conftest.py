# From common_code/training/tests/conftest.py; edit it there, then tools/sync.py.
"""Fixtures: weights, a copy of the method, and its scripts called in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from accelerate.state import AcceleratorState

import run_fusion
import run_train
from tests.helpers import REFERENCE
from tests.method import near_identity
from utils.common.checkpoint import save_weights
from utils.utils import run_main

Call = Callable[..., "Outcome"]


class Outcome(NamedTuple):
    """What a script did: its exit status, and what it printed and warned."""

    status: int
    out: str
    err: str


def pytest_configure(config: pytest.Config) -> None:
    """Register our markers, as a folder that is copied out has no settings of pytest."""
    config.addinivalue_line("markers", "slow: starts, kills or installs something as a user does")
    config.addinivalue_line("markers", "xdist_group(name): tests that share what is costly")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def gray_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "gray.safetensors"
    save_weights(path, near_identity(1), {"channels": "1"})
    return path


@pytest.fixture(scope="session")
def rgb_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "rgb.safetensors"
    save_weights(path, near_identity(3), {"channels": "3"})
    return path


@pytest.fixture
def reference() -> Path:
    """The authors' weights and outputs; tests that need them are skipped where they are absent."""
    if not REFERENCE.is_dir():
        pytest.skip("REFERENCE_DATA names no folder with the authors' weights and outputs")
    return REFERENCE


@pytest.fixture
def fuse(gray_weights: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call `run_fusion.py` in this process; a traceback would fail the test."""

    def call(*arguments: object) -> Outcome:
        words = [str(a) for a in arguments]
        if "--weights" not in words:
            words += ["--weights", str(gray_weights)]
        return _exit_of(
            lambda: run_main(
                run_fusion.main,
                run_fusion.parse_args([*words, "--device", "cpu"]),
            ),
            capsys,
        )

    return call


@pytest.fixture
def train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Call `run_train.py` in this process; its runs go to `tmp_path/runs`."""
    monkeypatch.setattr(run_train, "HERE", tmp_path)
    deterministic = torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr("utils.util_train.keep_freed_memory", lambda: None)

    def call(*arguments: object) -> Outcome:
        words = ["--device", "cpu", *(str(a) for a in arguments)]
        AcceleratorState._reset_state(reset_partial_state=True)  # as in a process of its own
        outcome = _exit_of(lambda: run_main(run_train.main, run_train.parse_args(words)), capsys)
        torch.use_deterministic_algorithms(deterministic)
        return outcome

    return call


def _exit_of(action: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> Outcome:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        action()
    out, err = capsys.readouterr()
    code = stopped.value.code
    if isinstance(code, str):  # the interpreter prints it and exits with 1
        return Outcome(1, out, f"{err}{code}\n")
    return Outcome(int(code or 0), out, err)
