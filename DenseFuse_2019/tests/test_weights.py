"""Weights in every published form, and parity with the authors' outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.DenseFuse import DenseFuse
from tests.conftest import Call
from tests.helpers import FOLDER, picture, put_pair
from tests.method import near_identity
from utils.util_fusion import ImageFusion
from utils.util_weights import Form, load_into, load_model
from utils.utils import InputError

GOLDEN = ("tno_01", "tno_02", "roadscene_FLIR_00006")
DENSE = [f"DB1.denseblock.{number}.dense_conv" for number in range(3)]
AUTHORS_NAMES = ("conv1", *DENSE, "conv2", "conv3", "conv4", "conv5")


def in_authors_layout(model: DenseFuse) -> dict[str, torch.Tensor]:
    """Return a network as the authors publish theirs: for images in 0-255."""
    values = list(model.state_dict().values())
    names = [f"{name}.conv2d.{kind}" for name in AUTHORS_NAMES for kind in ("weight", "bias")]
    scaled = [value * (255 if value.ndim == 1 else 1) for value in values]
    return dict(zip(names, scaled, strict=True))


def in_original_layout(model: DenseFuse) -> dict[str, torch.Tensor]:
    """Return a network under the original repository's names, for images in [0, 1]."""
    names = ["encoder.conv", *(f"encoder.DenseBlock.denseblock.{i}.conv" for i in range(3))]
    names += [f"decoder.decoder.{i}" for i in range(4)]
    keys = [f"{name}.conv2d.{kind}" for name in names for kind in ("weight", "bias")]
    return dict(zip(keys, model.state_dict().values(), strict=True))


def split(state: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """Return such a state_dict as its two halves, each under the names of its own module."""
    return {
        f"{half}_state_dict": {
            name.removeprefix(f"{half}."): value
            for name, value in state.items()
            if name.startswith(f"{half}.")
        }
        for half in ("encoder", "decoder")
    }


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("form", "wrap"),
    [
        (Form.OURS, lambda m: m.state_dict()),
        (Form.OURS, lambda m: {"model": m.state_dict(), "optimizer": {}, "next_epoch": 3}),
        (Form.AUTHORS, in_authors_layout),
        (Form.ORIGINAL, lambda m: {"model": in_original_layout(m), "epoch": 3}),
        (Form.ORIGINAL, lambda m: {**split(in_original_layout(m)), "epoch": 3}),
    ],
)
@torch.no_grad()
def test_every_form_computes_the_same(
    tmp_path: Path, channels: int, form: Form, wrap: object
) -> None:
    model = near_identity(channels)
    torch.save(wrap(model), tmp_path / "a.model")
    loaded, found = load_model(tmp_path / "a.model")
    assert found is form
    assert not loaded.training
    image = torch.rand(1, channels, 12, 13)
    expected = model(image).relu() if form is Form.AUTHORS else model(image)
    torch.testing.assert_close(loaded(image), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scene", GOLDEN)
def test_authors_outputs_are_met(reference: Path, scene: str) -> None:
    fusion = ImageFusion(
        reference / "reference_weights" / "densefuse_gray_official.pth", device="cpu", tile=0
    )
    assert fusion.form is Form.AUTHORS
    golden = np.load(reference / "golden" / f"{scene}.npz")
    planes = torch.from_numpy(np.stack([golden["vis"], golden["ir"]])).float()[:, None] / 255
    with torch.inference_mode():
        fused = fusion.fuse_planes(planes)[0, 0].numpy() * 255
        reconstruction = fusion.model(planes[:1])[0, 0].numpy() * 255
    expected = golden["densefuse_official_gray_mean"].astype(float)
    assert np.abs(fused - expected).max() < 0.25
    expected = golden["densefuse_official_gray_recon_vis"].astype(float)
    assert np.abs(reconstruction - expected).max() < 0.25


@pytest.mark.parametrize(
    ("name", "form", "error"),
    [
        ("densefuse_gray_official", Form.AUTHORS, 0.5),
        ("densefuse_rgb_official", Form.AUTHORS, 3),
        ("densefuse_gray_seed_layout", Form.ORIGINAL, 8),
    ],
)
@torch.no_grad()
def test_published_files_reconstruct(reference: Path, name: str, form: Form, error: float) -> None:
    path = reference / "reference_weights" / f"{name}.pth"
    model, found = load_model(path)
    assert found is form
    image = np.load(reference / "golden" / "tno_01.npz")["vis"] / np.float32(255)
    planes = torch.from_numpy(image).expand(1, model.channels, -1, -1)
    assert (model(planes) - planes).abs().mean() * 255 < error


@torch.no_grad()
def test_halves_of_the_original_layout_are_the_whole(reference: Path, tmp_path: Path) -> None:
    path = reference / "reference_weights" / "densefuse_gray_seed_layout.pth"
    state = torch.load(path, weights_only=True)["model"]
    torch.save(split(state), tmp_path / "halves.pth")
    whole, halves = load_model(path)[0], load_model(tmp_path / "halves.pth")[0]
    image = torch.rand(1, 1, 9, 9)
    assert torch.equal(whole(image), halves(image))


def test_the_form_is_printed(fuse: Call, tmp_path: Path) -> None:
    ir, vis = put_pair(tmp_path, "a")
    forms = {
        Form.AUTHORS: in_authors_layout(near_identity(1)),
        Form.ORIGINAL: split(in_original_layout(near_identity(1))),
        Form.OURS: near_identity(1).state_dict(),
    }
    for number, (form, state) in enumerate(forms.items()):
        path = tmp_path / f"{number}.pth"
        torch.save(state, path)
        output = tmp_path / f"{number}.png"
        outcome = fuse("--ir", ir, "--vis", vis, "--weights", path, "--output", output)
        assert outcome.status == 0
        assert f"{path} model loaded ({form})." in outcome.out


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"a": torch.zeros(3)},
        {"model": {}},
        {"model": "text"},
        {"conv1.conv2d.weight": torch.zeros(16, 1, 3, 3)},
        {"conv1.conv2d.weight": torch.zeros(())},
        {"encoder_state_dict": {}, "decoder_state_dict": {}},
        {"encoder_state_dict": [1], "decoder_state_dict": "x"},
        {"encoder_state_dict": {"epoch": 3}, "decoder_state_dict": {}},
        {"encoder.conv.conv2d.weight": torch.zeros(16, 4, 3, 3)},
        {k: v[:1] for k, v in DenseFuse().state_dict().items()},
        torch.nn.Conv2d(1, 16, 3).state_dict(),
    ],
)
def test_foreign_weights_are_named(tmp_path: Path, state: dict) -> None:
    torch.save(state, tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"foreign\.pth is not DenseFuse's: it holds \d+ entr"):
        load_model(tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"foreign\.pth is not DenseFuse's"):
        load_into(DenseFuse(), state, tmp_path / "foreign.pth")


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_is_told_from_rgb(channels: int) -> None:
    other = DenseFuse(4 - channels)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    message = "holds a gray network, but RGB is asked for.*--gray.*--rgb_mode luma"
    if channels == 3:
        message = "holds a RGB network, but gray is asked for.*--no-gray.*--rgb_mode channels"
    with pytest.raises(InputError, match=message):
        load_into(other, DenseFuse(channels).state_dict(), Path("w.pth"))
    assert all(torch.equal(before[k], v) for k, v in other.state_dict().items())


@pytest.mark.parametrize(("name", "channels"), [("gray", 1), ("rgb", 3)])
def test_shipped_weights_reconstruct(name: str, channels: int) -> None:
    path = FOLDER / "weights" / f"densefuse_{name}" / "model.safetensors"
    mode = "luma" if channels == 1 else "channels"
    fusion = ImageFusion(device="cpu", rgb_mode=mode)
    assert (fusion.weights, fusion.form, fusion.channels) == (path, Form.OURS, channels)
    image = picture(0, 64, 64, channels=channels) / np.float32(255)
    error = fusion.fuse([image, image]) - image
    assert 10 * np.log10(1 / np.mean(error**2)) > 35
