"""Weights that cannot be used, the network's or VGG16's, end in one clear line."""

import pickle
import urllib.error
from pathlib import Path

import pytest
import torch

from tests.common.test_checkpoint import Trap
from tests.conftest import Call
from tests.method import build, flags_of_pair, put_set, stand_in, tiny
from utils.common.checkpoint import load_checkpoint
from utils.vgg import PUBLISHED


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    return flags_of_pair(tmp_path)


def test_foreign_weights(tmp_path: Path, fuse: Call, train: Call, pair: list[object]) -> None:
    foreign = tmp_path / "foreign.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), foreign)
    pairs = put_set(tmp_path / "set")
    for outcome in (
        fuse(*pair, "--weights", foreign),
        train("--image_path", pairs, *tiny("--resume_path", foreign)),
    ):
        assert outcome.status == 1
        assert f"{foreign} is not U2Fusion's: it holds 2 entries (weight, bias" in outcome.err
    assert f"{stand_in()} is not U2Fusion's" in fuse(*pair, "--weights", stand_in()).err
    assert not (tmp_path / "runs").exists()
    foreign.write_bytes(b"no checkpoint")
    outcome = fuse(*pair, "--weights", foreign)
    assert outcome.status == 1
    assert f"error: {foreign} " in outcome.err
    assert "no such file" in fuse(*pair, "--weights", tmp_path / "absent.pth").err


@pytest.fixture
def vgg_user(tmp_path: Path, train: Call) -> Call:
    """The command that needs VGG16's weights, which is called with further flags."""
    pairs = put_set(tmp_path / "set")
    flags = [word for word in tiny() if word not in ("--vgg_weights", stand_in())]
    return lambda *words: train("--image_path", pairs, *flags, *words)


def left_nothing(folder: Path) -> bool:
    return not (folder / "runs").exists() and not (folder / "out").exists()


def test_no_such_vgg_weights(tmp_path: Path, vgg_user: Call) -> None:
    absent = tmp_path / "absent.pth"
    outcome = vgg_user("--vgg_weights", absent)
    assert outcome.status == 1
    assert f"error: no such file: {absent}" in outcome.err
    assert left_nothing(tmp_path)


FOREIGN = {
    "none": {"weight": torch.zeros(2, 2)},
    "one layer": {"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4)},
    "DenseNet's names": {
        "features.conv0.weight": torch.zeros(64, 3, 7, 7),
        "features.norm0.weight": torch.zeros(64),
        "features.norm0.bias": torch.zeros(64),
    },
    "too narrow inputs": {f"features.{n}.bias": torch.zeros(4) for n in range(13)},
}


@pytest.mark.parametrize("kind", list(FOREIGN))
def test_weights_that_are_not_vggs(tmp_path: Path, vgg_user: Call, kind: str) -> None:
    foreign = tmp_path / "foreign.pth"
    torch.save(FOREIGN[kind], foreign)
    outcome = vgg_user("--vgg_weights", foreign)
    assert outcome.status == 1
    assert f"{foreign} does not hold VGG16's features (--vgg_weights)" in outcome.err
    assert left_nothing(tmp_path)


def test_vgg_weights_of_another_convention(tmp_path: Path, vgg_user: Call) -> None:
    faint = tmp_path / "faint.pth"
    state = load_checkpoint(stand_in())
    state["features.0.weight"] *= 0.1  # as of inputs of another scale
    torch.save({k: v for k, v in state.items() if k != "about"}, faint)
    outcome = vgg_user("--vgg_weights", faint)
    assert outcome.status == 1
    assert f"error: {faint} does not fit --vgg_convention features" in outcome.err
    assert "try --vgg_convention imagenet" in outcome.err
    assert left_nothing(tmp_path)


def refuse(*args: object, **kwargs: object) -> None:
    raise urllib.error.URLError("no route to host")


def test_no_network_to_fetch_vgg_weights(
    tmp_path: Path, vgg_user: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    outcome = vgg_user()
    assert outcome.status == 1
    for part in (
        "error: VGG16's weights cannot be loaded: ",
        "no route to host",
        f"fetch {PUBLISHED['features'].url}",
        "give it as --vgg_weights",
        "python -m utils.vgg --stand_in FILE",
    ):
        assert part in outcome.err
    outcome = vgg_user("--vgg_convention", "caffe")
    assert outcome.status == 1
    assert "--vgg_convention caffe needs a local file (--vgg_weights)" in outcome.err
    assert left_nothing(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>"])
def test_a_spoilt_file_where_torchvision_keeps_its_weights(
    tmp_path: Path, vgg_user: Call, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    kept = tmp_path / "cache" / "hub" / "checkpoints" / PUBLISHED["features"].url.split("/")[-1]
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    outcome = vgg_user()
    assert outcome.status == 1
    assert "error: VGG16's weights cannot be loaded: " in outcome.err
    assert left_nothing(tmp_path)


def test_a_pickle_with_code(tmp_path: Path, fuse: Call, pair: list[object], vgg_user: Call) -> None:
    trap, made = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({**build().state_dict(), "extra": Trap(made)}, trap)
    outcomes = [vgg_user("--vgg_weights", trap)]
    outcomes += [fuse(*pair, "--weights", trap)]
    outcomes += [vgg_user("--vgg_weights", stand_in(), "--resume_path", trap)]
    for outcome in outcomes:
        assert outcome.status == 1
        assert f"{trap} was not loaded" in outcome.err
    assert not made.exists()
    assert left_nothing(tmp_path)
    pickle.loads(pickle.dumps(Trap(made)))  # the trap does work
    assert made.exists()
