"""The network is the paper's: size, dense connections, range."""

import pytest
import torch

from models.DenseNet import DECODER, GROWTH, INIT_STD, DenseNet
from tests.method import near_identity


def test_parameter_count() -> None:
    model = DenseNet()
    widths = [(2, 44), (44, 44), (88, 44), (132, 44), (176, 44), (220, 44)]
    widths += [(264, 128), (128, 64), (64, 32), (32, 1)]
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 4] == [
        (b, a, 3, 3) for a, b in widths
    ]
    assert sum(p.numel() for p in model.parameters()) == 659_217
    assert (GROWTH, DECODER) == (44, (128, 64, 32))


@pytest.mark.parametrize("size", [(2, 2), (2, 9), (33, 47)])
def test_output_is_one_image_in_range(size: tuple[int, int]) -> None:
    model = DenseNet()
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(4)  # far into the tanh
    fused = model(torch.rand(3, 2, *size))
    assert fused.shape == (3, 1, *size)
    assert fused.min() >= 0
    assert fused.max() <= 1


@torch.no_grad()
def test_forward_is_the_figure() -> None:
    model, pair = DenseNet(), torch.rand(2, 2, 12, 13)

    def conv(layer: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return torch.nn.functional.conv2d(padded, layer.weight, layer.bias)

    def leaky(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x < 0, 0.2 * x, x)

    maps = [leaky(conv(model.conv1, pair))]
    for layer in model.dense:
        maps.append(leaky(conv(layer, torch.cat(maps, dim=1))))
    x = torch.cat(maps, dim=1)
    assert x.shape[1] == 264
    for layer in model.decoder:
        x = leaky(conv(layer, x))
    expected = conv(model.conv_out, x).tanh() / 2 + 0.5
    torch.testing.assert_close(model(pair), expected)


def test_weights_start_as_in_the_official_code() -> None:
    torch.manual_seed(1)
    model = DenseNet()
    kernels = torch.cat([p.detach().flatten() for p in model.parameters() if p.ndim == 4])
    assert kernels.abs().max() <= 2 * INIT_STD == 0.1
    assert kernels.std() == pytest.approx(0.88 * 0.05, rel=0.01)  # of a normal cut at two sigmas
    assert all(p.abs().max() == 0 for p in model.parameters() if p.ndim == 1)


@torch.no_grad()
def test_batch_mates_do_not_matter() -> None:
    model, images = DenseNet(), torch.rand(3, 2, 12, 13)
    alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(model(images), alone)


def test_gradient_reaches_every_parameter() -> None:
    model = DenseNet()
    model(torch.rand(2, 2, 16, 16)).square().mean().backward()
    for name, value in model.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name


def test_the_source_is_not_changed_by_activations_in_place() -> None:
    images = torch.rand(1, 2, 12, 13) - 0.5
    before = images.clone()
    DenseNet()(images)
    assert torch.equal(images, before)


def test_receptive_radius_is_what_the_gradient_reaches() -> None:
    model = DenseNet().double()
    with torch.no_grad():
        for value in model.parameters():
            value.abs_().mul_(0.02)  # nothing cancels, nothing saturates
    images = torch.rand(1, 2, 51, 51, dtype=torch.float64, requires_grad=True)
    model(images)[0, 0, 25, 25].backward()
    radius = model.receptive_radius
    assert radius == 10
    for reached in images.grad[0]:
        rows, columns = torch.nonzero(reached, as_tuple=True)
        assert len(rows) == (2 * radius + 1) ** 2
        assert (rows.min(), rows.max()) == (25 - radius, 25 + radius)
        assert (columns.min(), columns.max()) == (25 - radius, 25 + radius)


@torch.no_grad()
def test_a_uniform_image_stays_uniform_up_to_its_border() -> None:
    fused = DenseNet()(torch.full((1, 2, 12, 9), 0.7))
    torch.testing.assert_close(fused, fused[..., :1, :1].expand_as(fused))


@torch.no_grad()
def test_the_tests_own_network_follows_the_mean() -> None:
    images = torch.rand(1, 2, 32, 32)
    fused, mean = near_identity()(images), images.mean(dim=1, keepdim=True)
    assert torch.corrcoef(torch.stack([fused.flatten(), mean.flatten()]))[0, 1] > 0.9
