"""Weights in every form in which DeepFuse's are published."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from tests.conftest import Call
from tests.method import near_identity
from tests.scenes import exposures, put_scene
from utils.common.checkpoint import save_weights
from utils.util_fusion import ImageFusion
from utils.util_weights import Form, load_into, load_model
from utils.utils import InputError

LAYERS = {  # name, channels in and out, kernel, activation
    "layer1": (1, 16, 5, nn.LeakyReLU(0.01)),
    "layer2": (16, 32, 7, nn.ReLU()),
    "layer4": (32, 32, 7, nn.LeakyReLU(0.01)),
    "layer5": (32, 16, 5, nn.LeakyReLU(0.01)),
    "layer6": (16, 1, 5, nn.Sigmoid()),
}


class ConvBlock(nn.Module):
    """A convolution with zero padding, its batch normalization, and an activation."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, act: nn.Module) -> None:
        super().__init__()
        conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        norm = nn.BatchNorm2d(channels_out)
        for value in (norm.weight, norm.bias, norm.running_mean):
            nn.init.normal_(value, 0.5 if value is norm.weight else 0.0, 0.5)
        nn.init.uniform_(norm.running_var, 0.1, 2)
        self.layer = nn.Sequential(conv, norm, act)


class Original(nn.ModuleDict):
    """The original repository's network, before its batch normalization is folded."""

    def __init__(self) -> None:
        super().__init__({name: ConvBlock(*about) for name, about in LAYERS.items()})

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        first, second = (
            self["layer2"].layer(self["layer1"].layer(image)) for image in (under, over)
        )
        x = first + second
        for name in ("layer4", "layer5", "layer6"):
            x = self[name].layer(x)
        return x


@pytest.mark.parametrize("wrapped", [False, True])
@torch.no_grad()
def test_batch_normalization_is_folded_exactly(tmp_path: Path, wrapped: bool) -> None:
    reference = Original().eval()
    state = reference.state_dict()
    torch.save({"model": state, "epoch": 3} if wrapped else state, tmp_path / "a.pth")
    model, form = load_model(tmp_path / "a.pth")
    assert form is Form.ORIGINAL
    assert not model.training
    under, over = torch.rand(2, 3, 1, 19, 23)
    expected = reference(under, over)
    assert expected.std() > 1e-3
    found = model(torch.cat([under, over], dim=1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.state_dict(),
        lambda model: {"model": model.state_dict(), "optimizer": {}, "next_epoch": 3},
    ],
)
@torch.no_grad()
def test_our_own_forms(tmp_path: Path, wrap: object) -> None:
    model = near_identity()
    torch.save(wrap(model), tmp_path / "a.pth")
    loaded, form = load_model(tmp_path / "a.pth")
    assert form is Form.OURS
    assert not loaded.training
    images = torch.rand(2, 3, 12, 13)
    assert torch.equal(loaded(images), model(images))


def test_a_file_of_the_original_repository_fuses(
    reference: Path, tmp_path: Path, fuse: Call
) -> None:
    path = reference / "reference_weights" / "deepfuse_seed_layout_batchnorm.pth"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    fusion = ImageFusion(path, device="cpu")
    assert fusion.form is Form.ORIGINAL
    fused = fusion.fuse([x / np.float32(255) for x in exposures(0, channels=1)])
    assert np.isfinite(fused).all()
    assert fused.std() > 1e-3
    images = put_scene(tmp_path / "s")
    flags = ("--images", *images, "--weights", path, "--output", tmp_path / "fused.png")
    outcome = fuse(*flags)
    assert outcome.status == 0
    assert f"{path} model loaded ({Form.ORIGINAL.value})." in outcome.out


def without(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"a": torch.zeros(3)},
        {"model": {}},
        {"model": "text"},
        {"conv1.0.weight": torch.zeros(16, 1, 5, 5)},
        {"conv1.0.weight": torch.zeros(())},
        without(DeepFuse().state_dict(), "conv5.0.bias"),
        {**DeepFuse().state_dict(), "conv6.0.bias": torch.zeros(1)},
        {k: v[:1] for k, v in DeepFuse().state_dict().items()},
        {"layer1.layer.1.running_mean": torch.zeros(16)},
        without(Original().state_dict(), "layer4.layer.1.weight"),
        {k: v[:1] if v.ndim else v for k, v in Original().state_dict().items()},
        nn.Conv2d(1, 16, 5).state_dict(),
    ],
)
def test_foreign_weights_are_named(tmp_path: Path, state: dict) -> None:
    path = tmp_path / "foreign.pth"
    torch.save(state, path)
    with pytest.raises(InputError, match=r"foreign\.pth is not DeepFuse's: it (holds|lacks) "):
        load_model(path)
    model = DeepFuse()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=r"foreign\.pth is not DeepFuse's"):
        load_into(model, state, path)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_odd_shapes_in_the_original_layout_are_named(tmp_path: Path) -> None:
    state = Original().state_dict()
    state["layer2.layer.1.running_var"] = torch.ones(5)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=r"odd\.pth is not DeepFuse's"):
        load_model(tmp_path / "odd.pth")


def put_weights(folder: Path, levels: str | None) -> Path:
    """Write our weights with what they record of their levels."""
    about = {"method": "DeepFuse_2017"} if levels is None else {"levels": levels}
    save_weights(folder / "a.safetensors", near_identity(), about)
    return folder / "a.safetensors"


@pytest.mark.parametrize(("recorded", "levels"), [(None, 1), ("1", 1), ("2", 2), ("3", 3)])
def test_weights_know_their_levels(tmp_path: Path, recorded: str | None, levels: int) -> None:
    path = put_weights(tmp_path, recorded)
    for asked in (None, levels):
        fusion = ImageFusion(path, levels=asked, device="cpu")
        assert fusion.levels == levels
        assert isinstance(fusion.model, DeepFusePyramid) == (levels > 1)
        assert fusion.stride == 2 ** (levels - 1)


@pytest.mark.parametrize(("recorded", "asked"), [(None, 3), ("1", 3), ("3", 1), ("2", 3)])
def test_weights_of_other_levels_are_refused(
    tmp_path: Path, fuse: Call, recorded: str | None, asked: int
) -> None:
    path = put_weights(tmp_path, recorded)
    message = f"{path} was trained with --levels {recorded or 1}, so it cannot be used with"
    with pytest.raises(InputError, match=message):
        load_model(path, asked)
    output = tmp_path / "f.png"
    images = put_scene(tmp_path / "s")
    words = ("--images", *images, "--output", output, "--levels", asked, "--weights", path)
    outcome = fuse(*words)
    assert outcome.status == 1
    assert f"{message} --levels {asked}" in outcome.err
    assert not output.exists()


@pytest.mark.parametrize("recorded", ["0", "many", "3.0", "99999999999"])
def test_levels_that_cannot_be(tmp_path: Path, recorded: str) -> None:
    path = put_weights(tmp_path, recorded)
    with pytest.raises(InputError, match=f"a.safetensors records '{recorded}' levels"):
        load_model(path)


def test_shipped_weights_for_levels() -> None:
    with pytest.raises(InputError, match="no weights for --levels 2 come with this repository"):
        ImageFusion(levels=2, device="cpu")
    assert ImageFusion(device="cpu").levels == 1


def test_a_pyramid_of_the_original_network_is_refused(tmp_path: Path) -> None:
    torch.save(Original().state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match="was trained with --levels 1"):
        ImageFusion(tmp_path / "a.pth", levels=3, device="cpu")
