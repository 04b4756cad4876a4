"""Fixtures: weights of both networks, and `run_fusion.py` called in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

import run_fusion
from tests.helpers import REFERENCE
from tests.method import near_identity, random_segmenter
from utils.common.checkpoint import save_weights
from utils.utils import run_main


class Outcome(NamedTuple):
    """What the script did: its exit status, and what it printed and warned."""

    status: int
    out: str
    err: str


Call = Callable[..., Outcome]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of tests that kill, launch or install; `-m "not slow"` skips them."""
    config.addinivalue_line("markers", "slow: starts, kills or installs something as a user does")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def gray_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fuser alone; it takes luma."""
    path = tmp_path_factory.mktemp("weights") / "fuser.safetensors"
    save_weights(path, near_identity(), {"network": "TransFuser6"})
    return path


@pytest.fixture(scope="session")
def segmenter_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter that finds several classes; skipped without mmsegmentation."""
    pytest.importorskip("mmseg", reason="pip install -e mmseg_bffr")
    path = tmp_path_factory.mktemp("weights") / "segmenter.safetensors"
    save_weights(path, random_segmenter(), {"network": "SegFormer-B0"})
    return path


@pytest.fixture
def reference() -> Path:
    """The authors' weights and outputs; tests that need them are skipped where they are absent."""
    if not REFERENCE.is_dir():
        pytest.skip("REFERENCE_DATA names no folder with the authors' weights and outputs")
    return REFERENCE


@pytest.fixture
def fuse(gray_weights: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a caller of `run_fusion.py` with small random weights; tracebacks come through."""

    def call(*arguments: object) -> Outcome:
        words = ["--device", "cpu", "--threads", "1", *map(str, arguments)]
        if "--weights" not in words:
            words += ["--weights", str(gray_weights)]
        args = run_fusion.parse_args(words)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            run_main(run_fusion.main, args)
        out, err = capsys.readouterr()
        code = stopped.value.code
        if isinstance(code, int):
            return Outcome(code, out, err)
        return Outcome(1, out, f"{err}{code}\n")  # as the interpreter does with words

    return call
