"""The network is the paper's: size, tied layers, any number of exposures."""

import pytest
import torch

from models.DeepFuse import DeepFuse
from tests.method import near_identity


def test_parameter_count() -> None:
    counts = [sum(p.numel() for p in layer.parameters()) for layer in DeepFuse().children()]
    assert counts == [25 * 16 + 16, 49 * 512 + 32, 49 * 1024 + 32, 25 * 512 + 16, 25 * 16 + 1]
    assert sum(counts) == 88_961


@pytest.mark.parametrize("original", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", [(4, 4), (4, 9), (33, 47)])
def test_output_is_one_image_of_the_same_size(
    original: bool, count: int, size: tuple[int, int]
) -> None:
    fused = DeepFuse(original)(torch.rand(3, count, *size))
    assert fused.shape == (3, 1, *size)
    assert fused.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_equal_exposures_give_what_two_of_them_give(count: int) -> None:
    model, image = DeepFuse(), torch.rand(2, 1, 15, 17)
    expected = model(image.expand(-1, 2, -1, -1))
    torch.testing.assert_close(model(image.expand(-1, count, -1, -1)), expected)


@torch.no_grad()
def test_order_is_free() -> None:
    model, images = DeepFuse(), torch.rand(1, 4, 12, 13)
    expected = model(images)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        torch.testing.assert_close(model(images[:, order]), expected)


@torch.no_grad()
def test_batch_mates_do_not_matter() -> None:
    model, images = DeepFuse(), torch.rand(3, 2, 12, 13)
    alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(model(images), alone)


@torch.no_grad()
def test_features_are_added() -> None:
    model, images = DeepFuse(), torch.rand(1, 3, 12, 13)
    features = [model.conv2(model.conv1(image)) for image in images.split(1, dim=1)]
    x = (features[0] + features[1] + features[2]) * (2 / 3)
    torch.testing.assert_close(model(images), model.conv5(model.conv4(model.conv3(x))))


@pytest.mark.parametrize("original", [False, True])
def test_gradient_reaches_every_parameter(original: bool) -> None:
    model = DeepFuse(original)
    model(torch.rand(2, 2, 16, 16)).square().mean().backward()
    for name, value in model.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name


def test_the_source_is_not_changed_by_activations_in_place() -> None:
    images = torch.rand(1, 2, 12, 13) - 0.5
    before = images.clone()
    DeepFuse()(images)
    assert torch.equal(images, before)


@torch.no_grad()
def test_last_layer_is_linear() -> None:
    model, images = DeepFuse(), torch.rand(1, 2, 16, 16)
    plain = model(images)
    for value in model.conv5.parameters():
        value.mul_(-3)
    torch.testing.assert_close(model(images), -3 * plain)


def test_receptive_radius_is_what_the_gradient_reaches() -> None:
    model = DeepFuse().double()
    with torch.no_grad():
        for value in model.parameters():
            value.abs_()  # nothing cancels
    images = torch.rand(1, 2, 51, 51, dtype=torch.float64, requires_grad=True)
    model(images)[0, 0, 25, 25].backward()
    assert model.receptive_radius == 12
    for reached in images.grad[0]:
        rows, columns = torch.nonzero(reached, as_tuple=True)
        assert len(rows) == 25**2
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 37, 13, 37)


@torch.no_grad()
def test_a_uniform_image_stays_uniform_up_to_its_border() -> None:
    fused = DeepFuse()(torch.full((1, 2, 12, 9), 0.7))
    torch.testing.assert_close(fused, fused[..., :1, :1].expand_as(fused))


@torch.no_grad()
def test_the_tests_own_network_is_nearly_the_mean() -> None:
    images = torch.rand(1, 3, 32, 32)
    fused = near_identity()(images)
    mean = images.mean(dim=1, keepdim=True)
    assert (fused - mean).abs().mean() < 0.1
    assert torch.corrcoef(torch.stack([fused.flatten(), mean.flatten()]))[0, 1] > 0.9
