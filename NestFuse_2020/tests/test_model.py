"""The network is the official one: size, shapes, receptive radius, outputs and last layer."""

from pathlib import Path

import pytest
import torch

import run_train
from models.NestFuse_2020 import WIDTHS, NestFuse, double
from tests.conftest import Call
from tests.helpers import put_photos, runs_of, scalars
from tests.method import SMALL
from tests.restatement import PLAIN, encode, random_state
from utils.util_fusion import ImageFusion
from utils.util_loss import reconstruction_loss
from utils.util_weights import from_authors, load_model


@pytest.mark.parametrize(
    ("channels", "parameters"),
    [(1, 2_732_761), (3, 2_732_923)],
)
def test_parameter_count(channels: int, parameters: int) -> None:
    model = NestFuse(channels)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 47), (22, 40)])
def test_shapes_at_any_size(channels: int, size: tuple[int, int]) -> None:
    model = NestFuse(channels)
    image = torch.rand(2, channels, *size)
    features = model.encoder(image)
    expected = [(2, width, size[0] >> n, size[1] >> n) for n, width in enumerate(WIDTHS)]
    assert [tuple(f.shape) for f in features] == expected
    [output] = model(image)
    assert output.shape == image.shape


@torch.no_grad()
def test_official_network_is_reproduced(reference: Path) -> None:
    golden = torch.load(
        reference / "golden" / "nestfuse_official_arch_random.pt", weights_only=True
    )
    model = NestFuse(output_relu=True)
    model.load_state_dict(from_authors(golden["state_dict"]))
    [image] = golden["inputs"]
    features = model.encoder(image)
    assert len(golden["outputs"]) == 5
    for found, expected in zip([*features, *model(image)], golden["outputs"], strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 16), (23, 38), (31, 29)])
def test_encoder_is_the_restated_one(tmp_path: Path, size: tuple[int, int]) -> None:
    state = random_state(PLAIN)
    torch.save(state, tmp_path / "theirs.model")
    model, _ = load_model(tmp_path / "theirs.model")
    image = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0))
    for found, expected in zip(model.encoder(image), encode(state, 255 * image), strict=True):
        torch.testing.assert_close(255 * found, expected, atol=1e-2, rtol=1e-4)


@torch.no_grad()
def test_every_block_sees_its_whole_row_and_the_scale_below() -> None:
    model, image = NestFuse(), torch.rand(1, 1, 16, 24)
    decoder, features = model.decoder, model.encoder(image)
    expected = decoder(features)[-1]
    for level in range(4):
        changed = list(features)
        changed[level] = changed[level] + 1
        assert not torch.allclose(decoder(changed)[-1], expected)
    w1, w2, w3, w4 = WIDTHS
    widths = {
        "dcb11": w1 + w2,
        "dcb21": w2 + w3,
        "dcb31": w3 + w4,
        "dcb12": 2 * w1 + w2,
        "dcb22": 2 * w2 + w3,
        "dcb13": 3 * w1 + w2,
    }
    assert {name: decoder.get_submodule(f"{name}.0.0").in_channels for name in widths} == widths


@torch.no_grad()
def test_doubling_repeats_values_and_the_last_row_and_column() -> None:
    found = double(torch.tensor([[[[1.0, 2.0]]]]), like=torch.empty(1, 1, 3, 5))
    assert found.tolist() == [[[[1, 1, 2, 2, 2]] * 3]]


@torch.no_grad()
def test_last_layer_is_linear() -> None:
    model, image = NestFuse(), torch.rand(1, 1, 16, 16)
    [plain] = model(image)
    last = model.decoder.outputs[0][0]
    last.weight.mul_(-3)
    last.bias.mul_(-3)
    torch.testing.assert_close(model(image)[0], -3 * plain)


@torch.no_grad()
def test_relu_on_the_last_layer_on_request() -> None:
    model = NestFuse(output_relu=True)
    model.decoder.outputs[0][0].bias.fill_(-1000)
    assert (model(torch.rand(1, 1, 16, 16))[0] == 0).all()


@torch.no_grad()
def test_receptive_radius_is_what_a_pixel_reaches() -> None:
    model = NestFuse().double()
    for value in model.parameters():
        value.abs_()  # no ReLU closes and nothing cancels
    image = torch.rand(1, 1, 16, 128, dtype=torch.float64)
    [plain] = model(image)
    distances = []
    for column in range(60, 68):  # every place in a square of the coarsest scale
        bright = image.clone()
        bright[..., 8, column] = 1000  # every pooling takes it
        changed = (model(bright)[0] != plain).any(dim=2).flatten().nonzero()
        distances += [int(changed.max()) - column, column - int(changed.min())]
    assert max(distances) == model.receptive_radius


def test_three_outputs_of_which_the_last_is_the_finest() -> None:
    model = NestFuse(deep_supervision=True)
    image = torch.rand(2, 1, 17, 22)
    outputs = model(image)
    assert [output.shape for output in outputs] == [image.shape] * 3
    decoder = model.decoder
    assert sum(p.numel() for p in decoder.outputs.parameters()) == 3 * 65
    for number, output in enumerate(outputs):  # the nth passes by the blocks after it
        model.zero_grad()
        output.sum().backward(retain_graph=True)
        used = [decoder.dcb11, decoder.dcb12, decoder.dcb13]
        graded = [block[0][0].weight.grad is not None for block in used]
        assert graded == [n <= number for n in range(3)]


def test_loss_is_the_average_of_the_outputs() -> None:
    photos = torch.rand(2, 1, 16, 16)
    outputs = NestFuse(deep_supervision=True)(photos)
    found = run_train.mean_loss(outputs, photos, 100.0, "ssim")
    each = [reconstruction_loss(output, photos, 100.0, "ssim") for output in outputs]
    assert len(each) == 3
    for name, value in found.items():
        torch.testing.assert_close(value, sum(losses[name] for losses in each) / 3)
    assert list(found) == ["loss", "pixel_loss", "ssim_loss"]


def test_deep_supervision_trains_and_fuses(tmp_path: Path, train: Call) -> None:
    photos = put_photos(tmp_path / "photos", 4)
    flags = ("--deepsupervision", "--num_epochs", 2, "--lr", 1e-4)
    assert train("--image_path", photos, *SMALL, *flags).status == 0
    [run] = runs_of(tmp_path)
    losses = scalars(run, "loss/train")
    assert losses[1] < losses[0]
    best = run / "checkpoints" / "best.safetensors"
    model, _ = load_model(best)
    assert len(model.decoder.outputs) == 3
    fusion = ImageFusion(best, device="cpu")
    image = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        fused = fusion.fuse_planes(image.expand(2, -1, -1, -1))
        torch.testing.assert_close(fused, model(image)[-1])


def test_the_papers_loss_by_default(tmp_path: Path, train: Call) -> None:
    photos = put_photos(tmp_path / "photos", 1)
    flags = ("--image_path", photos, "--num_epochs", 1, "--val_fraction", 0)
    outcome = train(*flags, "--crop_size", 160)
    assert outcome.status == 1
    assert "--crop_size 160: --ssim ms_ssim needs 161" in outcome.err
    assert train(*flags, "--crop_size", 161).status == 0


def test_a_crop_that_is_too_small_for_four_scales(tmp_path: Path, train: Call) -> None:
    photos = put_photos(tmp_path / "photos", 3)
    outcome = train("--image_path", photos, *SMALL, "--crop_size", 15)
    assert outcome.status == 1
    assert "--crop_size 15: the network needs 16" in outcome.err
    assert not (tmp_path / "runs").exists()
