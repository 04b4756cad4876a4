"""Fixtures: weights of both networks, labeled pairs, and `run_fusion.py` called in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import run_fusion
from tests.helpers import REFERENCE
from tests.method import near_identity, put_labeled_set, random_segmenter
from tests.scripts import Outcome, call
from utils.common.checkpoint import save_weights

Call = Callable[..., Outcome]


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


@pytest.fixture(scope="session")
def labeled_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labeled pairs, a and b for training, c for validation; tests do not change them."""
    return put_labeled_set(tmp_path_factory.mktemp("labeled") / "set")


@pytest.fixture
def reference() -> Path:
    """The authors' weights and outputs; tests that need them are skipped where they are absent."""
    if not REFERENCE.is_dir():
        pytest.skip("REFERENCE_DATA names no folder with the authors' weights and outputs")
    return REFERENCE


@pytest.fixture
def fuse(gray_weights: Path) -> Call:
    """Return a caller of `run_fusion.py` with small random weights."""

    def fuse_by(*arguments: object) -> Outcome:
        words = ["--device", "cpu", *map(str, arguments)]
        if "--weights" not in words:
            words += ["--weights", str(gray_weights)]
        return call(lambda: run_fusion.main(run_fusion.parse_args(words)))

    return fuse_by
