# From common_code/photographs/tests/behavior/test_weights.py; edit it there, then tools/sync.py.
"""Weights of another network, or for other channels, are refused by fusing and by training."""

import pickle
from pathlib import Path

import pytest
import torch

from tests.common.test_checkpoint import Trap
from tests.conftest import Call
from tests.helpers import put_pair, put_photos
from tests.method import NAME, SMALL, build

TINY = (*SMALL, "--num_epochs", 1, "--batch_size", 4)


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    """Flags of a sound pair and of a result."""
    ir, vis = put_pair(tmp_path, "a")
    return ["--ir", ir, "--vis", vis, "--output", tmp_path / "out" / "fused.png"]


def test_foreign_weights(tmp_path: Path, fuse: Call, train: Call, pair: list[object]) -> None:
    foreign = tmp_path / "foreign.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), foreign)
    photos = put_photos(tmp_path / "photos", 3)
    for outcome in (
        fuse(*pair, "--weights", foreign),
        train("--image_path", photos, *TINY, "--resume_path", foreign),
    ):
        assert outcome.status == 1
        assert f"{foreign} is not {NAME}'s: it holds 2 entries (weight, bias" in outcome.err
    assert not (tmp_path / "runs").exists()
    foreign.write_bytes(b"no checkpoint")
    assert fuse(*pair, "--weights", foreign).status == 1
    assert "no such file" in fuse(*pair, "--weights", tmp_path / "absent.pth").err


def test_a_pickle_with_code(tmp_path: Path, fuse: Call, train: Call, pair: list[object]) -> None:
    trap, made = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({**build().state_dict(), "extra": Trap(made)}, trap)
    photos = put_photos(tmp_path / "photos", 3)
    for outcome in (
        fuse(*pair, "--weights", trap),
        train("--image_path", photos, *TINY, "--resume_path", trap),
    ):
        assert outcome.status == 1
        assert f"{trap} was not loaded" in outcome.err
    assert not made.exists()
    pickle.loads(pickle.dumps(Trap(made)))  # the trap does work
    assert made.exists()


def test_gray_weights_with_rgb_asked(
    tmp_path: Path, fuse: Call, train: Call, pair: list[object], gray_weights: Path
) -> None:
    outcome = fuse(*pair, "--rgb_mode", "channels", "--weights", gray_weights)
    assert outcome.status == 1
    assert f"{gray_weights} holds a gray network" in outcome.err
    assert "--rgb_mode luma" in outcome.err
    photos = put_photos(tmp_path / "photos", 3)
    outcome = train("--image_path", photos, *TINY, "--no-gray", "--resume_path", gray_weights)
    assert outcome.status == 1
    assert f"{gray_weights} holds a gray network, but RGB is asked for" in outcome.err


def test_rgb_weights_with_gray_asked(
    tmp_path: Path, fuse: Call, pair: list[object], rgb_weights: Path
) -> None:
    outcome = fuse(*pair, "--weights", rgb_weights)
    assert outcome.status == 1
    assert "--rgb_mode channels" in outcome.err
