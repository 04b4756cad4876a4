"""Weights in every published form, told apart and computing the same."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from models.NestFuse_2020 import NestFuse
from tests.conftest import Call
from tests.helpers import get, picture, put_pair
from tests.method import near_identity
from tests.restatement import DEEP, PLAIN, decode, encode, parameter_shapes, random_state
from utils.util_fusion import ImageFusion
from utils.util_weights import Form, from_authors, load_into, load_model
from utils.utils import InputError


def in_authors_layout(model: NestFuse) -> dict[str, torch.Tensor]:
    """Return a network as the authors publish theirs: for images in 0-255."""
    deep = len(model.decoder.outputs) > 1
    state = {}
    for name, value in model.state_dict().items():
        if block := re.fullmatch(r"(?:en|de)coder\.[ed]cb(\d)(\d)\.(\d)\.0\.(\w+)", name):
            row, column, layer, kind = block.groups()
            theirs = f"DB{row}_{column}.denseblock.{layer}"
        else:
            where, kind = name.rsplit(".0.", 1)
            theirs = "conv0"
            if where != "encoder.conv":
                theirs = DEEP[int(where[-1])] if deep else "conv_out"
        state[f"{theirs}.conv2d.{kind}"] = value * (255 if kind == "bias" else 1)
    return state


def test_restated_names_are_the_authors(reference: Path) -> None:
    golden = torch.load(
        reference / "golden" / "nestfuse_official_arch_random.pt", weights_only=True
    )
    theirs = {name: tuple(value.shape) for name, value in golden["state_dict"].items()}
    assert parameter_shapes(PLAIN) == theirs


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("heads", [PLAIN, DEEP])
@torch.no_grad()
def test_authors_files_load_and_compute_the_same(
    tmp_path: Path, heads: tuple[str, ...], channels: int
) -> None:
    state = random_state(heads, channels)
    torch.save(state, tmp_path / "theirs.model")
    model, form = load_model(tmp_path / "theirs.model")
    assert form is Form.AUTHORS
    image = torch.rand(2, channels, 21, 34, generator=torch.Generator().manual_seed(0))
    found, expected = model(image), decode(state, encode(state, 255 * image))
    assert len(found) == len(expected) == len(heads)
    for output, theirs in zip(found, expected, strict=True):
        assert theirs.std() > 1  # the last ReLU has not cut everything off
        torch.testing.assert_close(255 * output, theirs, atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("heads", [PLAIN, DEEP])
def test_authors_files_fuse(tmp_path: Path, fuse: Call, heads: tuple[str, ...]) -> None:
    ir, vis = put_pair(tmp_path, "a")
    torch.save(random_state(heads), tmp_path / "theirs.model")
    flags = ("--weights", tmp_path / "theirs.model", "--output", tmp_path / "fused.png")
    assert fuse("--ir", ir, "--vis", vis, *flags).status == 0
    assert get(tmp_path / "fused.png").std() > 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("form", "wrap"),
    [
        (Form.OURS, lambda m: m.state_dict()),
        (Form.OURS, lambda m: {"model": m.state_dict(), "optimizer": {}, "next_epoch": 3}),
        (Form.AUTHORS, in_authors_layout),
        (Form.AUTHORS, lambda m: {"model": in_authors_layout(m), "epoch": 3}),
    ],
)
@torch.no_grad()
def test_every_form_computes_the_same(
    tmp_path: Path, channels: int, deep: bool, form: Form, wrap: object
) -> None:
    model = NestFuse(channels, deep)
    for name, value in model.named_parameters():
        if name.endswith("bias"):
            value.uniform_(-0.1, 0.1)
    torch.save(wrap(model), tmp_path / "a.model")
    loaded, found = load_model(tmp_path / "a.model")
    assert found is form
    assert not loaded.training
    image = torch.rand(1, channels, 18, 21)
    outputs = loaded(image)
    assert len(outputs) == (3 if deep else 1)
    for output, expected in zip(outputs, model(image), strict=True):
        wanted = expected.relu() if form is Form.AUTHORS else expected
        torch.testing.assert_close(output, wanted, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_authors_network_sees_the_range_that_it_was_made_for(tmp_path: Path) -> None:
    theirs = NestFuse(output_relu=True)
    for name, value in theirs.named_parameters():
        if name.endswith("bias"):
            value.uniform_(-20, 20)
    state = {k: v / 255 if k.endswith("bias") else v for k, v in theirs.state_dict().items()}
    scaled = NestFuse()
    scaled.load_state_dict(state)
    torch.save(in_authors_layout(scaled), tmp_path / "nestfuse_1e2.model")
    ours, _ = load_model(tmp_path / "nestfuse_1e2.model")
    image = torch.rand(1, 1, 18, 21)
    [expected] = theirs(image * 255)
    assert expected.max() > 1
    torch.testing.assert_close(ours(image)[0] * 255, expected, atol=1e-3, rtol=1e-4)


def test_our_names_stay_as_they_are() -> None:
    state = NestFuse(deep_supervision=True).state_dict()
    assert list(from_authors(state)) == list(state)


@pytest.mark.parametrize("form", list(Form))
def test_the_form_is_printed(tmp_path: Path, fuse: Call, form: Form) -> None:
    ir, vis = put_pair(tmp_path, "a")
    path = tmp_path / "a.model"
    model = near_identity(1)
    torch.save(model.state_dict() if form is Form.OURS else in_authors_layout(model), path)
    outcome = fuse("--ir", ir, "--vis", vis, "--weights", path, "--output", tmp_path / "o")
    assert outcome.status == 0
    assert f"{path} model loaded ({form.value})." in outcome.out


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"a": torch.zeros(3)},
        {"model": {}},
        {"model": "text"},
        {"conv0.conv2d.weight": torch.zeros(16, 1, 1, 1)},
        {"conv0.conv2d.weight": torch.zeros(())},
        {"encoder.conv.0.weight": torch.zeros(16, 1, 3, 3)},
        {"encoder.conv.0.weight": torch.zeros(16, 4, 1, 1)},
        {"encoder.conv.0.weight": "text"},
        {k: v[:1] for k, v in NestFuse().state_dict().items()},
        torch.nn.Conv2d(1, 16, 3).state_dict(),
    ],
)
def test_foreign_weights_are_named(tmp_path: Path, state: dict) -> None:
    torch.save(state, tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"foreign\.pth is not NestFuse's: it holds \d+ entr"):
        load_model(tmp_path / "foreign.pth")
    with pytest.raises(InputError, match=r"foreign\.pth is not NestFuse's"):
        load_into(NestFuse(), state, tmp_path / "foreign.pth")


@pytest.mark.parametrize(
    ("settings", "other", "message"),
    [
        (
            (1,),
            (3,),
            "a gray network, but RGB is asked for: train with --gray, or give other weights",
        ),
        ((3,), (1,), "a RGB network, but gray is asked for: train with --no-gray,"),
        ((1, True), (1,), "a 3-output network, but 1-output is asked for: train with --deepsup"),
        ((1,), (1, True), "a 1-output network, but 3-output is asked for: train with --no-deepsup"),
        (
            (1,),
            (3, True),
            "a gray 1-output network, but RGB 3-output is asked for: train with --gray ",
        ),
    ],
)
def test_another_kind_of_network_is_named(
    settings: tuple[int, ...], other: tuple[int, ...], message: str
) -> None:
    model = NestFuse(*other)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=rf"w\.pth holds {message}"):
        load_into(model, NestFuse(*settings).state_dict(), Path("w.pth"))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_weights_for_another_color_mode(gray_weights: Path, rgb_weights: Path) -> None:
    with pytest.raises(InputError, match=r"gray\.safetensors holds a gray.*say --rgb_mode luma"):
        ImageFusion(gray_weights, rgb_mode="channels", device="cpu")
    with pytest.raises(InputError, match=r"rgb\.safetensors holds an RGB.*--rgb_mode channels"):
        ImageFusion(rgb_weights, device="cpu")
    with pytest.raises(InputError, match="--rgb_mode channels needs --weights"):
        ImageFusion(rgb_mode="channels", device="cpu")


def test_shipped_weights_reconstruct() -> None:
    image = picture(0, 64, 80, channels=1) / np.float32(255)
    error = ImageFusion(device="cpu").fuse([image, image]) - image
    assert 10 * np.log10(1 / np.mean(error**2)) > 38
