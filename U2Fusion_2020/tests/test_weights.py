"""Weights in every form in which U2Fusion's are published, and those of this repository."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.DenseNet import DenseNet
from tests.conftest import Call
from tests.helpers import get, put_pair
from tests.method import near_identity
from utils.util_fusion import WEIGHTS, ImageFusion
from utils.util_weights import OFFICIAL_LAYERS, Form, load_into, load_model
from utils.utils import InputError

OFFICIAL_FILE = "reference_weights/u2fusion_official_tf.npz"


@pytest.fixture
def official(reference: Path) -> Path:
    path = reference / OFFICIAL_FILE
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path


def test_authors_output_is_met(official: Path, reference: Path) -> None:
    golden = np.load(reference / "golden" / "tno_01.npz")
    fusion = ImageFusion(official, device="cpu", tile=0)
    assert fusion.form is Form.OFFICIAL
    fused = fusion.fuse([golden[name].astype(np.float32) / 255 for name in ("vis", "ir")])
    expected = golden["u2fusion_official_vis_ir"].astype(np.float32)
    assert expected.std() > 0.05
    assert np.abs(fused - expected).max() < 1e-3
    turned = fusion.fuse([golden[name].astype(np.float32) / 255 for name in ("ir", "vis")])
    assert np.abs(turned - expected).max() > 0.02  # the order matters to it


def test_official_file_fuses(official: Path, tmp_path: Path, fuse: Call) -> None:
    ir, vis = put_pair(tmp_path, "a")
    output = tmp_path / "fused.png"
    outcome = fuse("--ir", ir, "--vis", vis, "--weights", official, "--output", output)
    assert outcome.status == 0
    assert f"{official} model loaded ({Form.OFFICIAL.value})." in outcome.out
    assert get(output).std() > 5


def as_official(model: nn.Module) -> dict[str, np.ndarray]:
    """Return a network in the official layout, block by block."""
    own = model.state_dict()
    found: dict[str, np.ndarray] = {}
    for ours, theirs in OFFICIAL_LAYERS.items():
        weight = own[f"{ours}.weight"].permute(2, 3, 1, 0).numpy()  # (H, W, in, out)
        if ours.startswith("dense") or ours == "decoder.0":
            blocks = [weight[:, :, start : start + 44] for start in range(0, weight.shape[2], 44)]
            weight = np.concatenate(blocks[::-1], axis=2)
        found |= {f"{theirs}/kernel": weight, f"{theirs}/bias": own[f"{ours}.bias"].numpy()}
    return found


@torch.no_grad()
def test_official_layout_is_read_exactly(tmp_path: Path) -> None:
    model = DenseNet()
    np.savez(tmp_path / "a.npz", **as_official(model))
    loaded, form = load_model(tmp_path / "a.npz")
    assert form is Form.OFFICIAL
    assert not loaded.training
    images = torch.rand(2, 2, 12, 13)
    assert torch.equal(loaded(images), model(images))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.state_dict(),
        lambda model: {"model": model.state_dict(), "optimizer": {}, "next_epoch": 3},
    ],
)
@torch.no_grad()
def test_our_own_forms(tmp_path: Path, wrap: Callable[[nn.Module], dict]) -> None:
    model = near_identity()
    torch.save(wrap(model), tmp_path / "a.pth")
    loaded, form = load_model(tmp_path / "a.pth")
    assert form is Form.OURS
    assert not loaded.training
    images = torch.rand(2, 2, 12, 13)
    assert torch.equal(loaded(images), model(images))


def without(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"a": torch.zeros(3)},
        {"model": {}},
        {"model": "text"},
        without(DenseNet().state_dict(), "conv_out.bias"),
        {**DenseNet().state_dict(), "more.bias": torch.zeros(1)},
        {k: v[:1] for k, v in DenseNet().state_dict().items()},
        nn.Conv2d(2, 44, 3).state_dict(),
        {"Generator/encoder/conv1_1/kernel": torch.zeros(3, 3, 2, 44)},
        {"Generator/encoder/conv1_1/kernel": torch.zeros(44)},
    ],
)
def test_foreign_weights_are_named(tmp_path: Path, state: dict) -> None:
    path = tmp_path / "foreign.pth"
    torch.save(state, path)
    with pytest.raises(InputError, match=r"foreign\.pth is not U2Fusion's: it holds "):
        load_model(path)
    model = DenseNet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=r"foreign\.pth is not U2Fusion's"):
        load_into(model, state, path)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_shipped_weights_fuse() -> None:
    fusion = ImageFusion(device="cpu")
    assert (fusion.weights, fusion.form) == (WEIGHTS, Form.OURS)
    y, x = np.mgrid[:64, :64] / np.float32(64)
    checks = ((16 * x).astype(int) + (16 * y).astype(int)) % 2
    first = np.where(x < 0.5, 0.25 + 0.5 * checks, 0.5).astype(np.float32)
    second = np.where(x < 0.5, 0.5, 0.25 + 0.5 * checks).astype(np.float32)
    fused = fusion.fuse([first, second])
    for half in (slice(8, 28), slice(36, 56)):  # each source's detail is in the result
        pattern = np.corrcoef(fused[8:56, half].ravel(), checks[8:56, half].ravel())[0, 1]
        assert pattern > 0.9
        assert fused[8:56, half].std() > 0.1
