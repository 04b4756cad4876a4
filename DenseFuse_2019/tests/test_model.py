"""The network is the paper's: size, shapes, reach and last layer."""

import pytest
import torch

from models.DenseFuse import DenseFuse


@pytest.mark.parametrize(("channels", "parameters"), [(1, 74_193), (3, 74_771)])
def test_parameter_count(channels: int, parameters: int) -> None:
    assert sum(p.numel() for p in DenseFuse(channels).parameters()) == parameters


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(2, 2), (2, 9), (33, 47)])
def test_output_has_the_shape_of_the_input(channels: int, size: tuple[int, int]) -> None:
    model = DenseFuse(channels)
    image = torch.rand(2, channels, *size)
    assert model.encoder(image).shape == (2, 64, *size)
    assert model(image).shape == image.shape


def test_dense_block_hands_on_every_earlier_map() -> None:
    encoder, image = DenseFuse().encoder, torch.rand(1, 1, 8, 8)
    found = encoder(image)
    assert torch.equal(found[:, :16], encoder.conv1(image))
    assert torch.equal(found[:, 16:32], encoder.dense1(found[:, :16]))
    assert torch.equal(found[:, 32:48], encoder.dense2(found[:, :32]))
    assert torch.equal(found[:, 48:], encoder.dense3(found[:, :48]))


@torch.no_grad()
def test_last_layer_is_linear() -> None:
    torch.manual_seed(0)
    model, image = DenseFuse(), torch.rand(1, 1, 16, 16)
    plain = model(image)
    last = model.decoder.conv5[0]
    last.weight.mul_(-3)
    last.bias.mul_(-3)
    torch.testing.assert_close(model(image), -3 * plain)


@torch.no_grad()
def test_relu_on_the_last_layer_on_request() -> None:
    model = DenseFuse(output_relu=True)
    model.decoder.conv5[0].bias.fill_(-10)
    assert (model(torch.rand(1, 1, 8, 8)) == 0).all()


def test_receptive_radius_is_what_the_gradient_reaches() -> None:
    model = DenseFuse().double()
    with torch.no_grad():
        for value in model.parameters():
            value.abs_()  # no ReLU closes and nothing cancels
    image = torch.rand(1, 1, 41, 41, dtype=torch.float64, requires_grad=True)
    model(image)[0, 0, 20, 20].backward()
    rows, columns = torch.nonzero(image.grad[0, 0], as_tuple=True)
    radius = model.receptive_radius
    assert radius == 8
    assert len(rows) == (2 * radius + 1) ** 2
    assert (rows.min(), rows.max()) == (20 - radius, 20 + radius)
    assert (columns.min(), columns.max()) == (20 - radius, 20 + radius)


def test_a_uniform_image_stays_uniform_up_to_its_border() -> None:
    output = DenseFuse()(torch.full((1, 1, 12, 9), 0.7))
    torch.testing.assert_close(output, output[..., :1, :1].expand_as(output))
