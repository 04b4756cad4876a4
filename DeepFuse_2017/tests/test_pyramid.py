"""The pyramid is the network at several sizes, put together as its definition says."""

import numpy as np
import pytest
import torch

from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from tests.method import near_identity


def pyramid_of(levels: int, model: DeepFuse | None = None) -> DeepFusePyramid:
    """Return a pyramid with the weights of a network, by default of a fresh one."""
    pyramid = DeepFusePyramid(levels)
    pyramid.load_state_dict((model or DeepFuse()).state_dict())
    return pyramid.eval()


def halved(image: np.ndarray) -> np.ndarray:
    """Return means of 2x2 pixels; an odd last row or column is repeated first."""
    height, width = image.shape
    image = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def doubled(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return an image of twice the size, cut; each pixel is 3/4 of its own, 1/4 of the next one."""
    for axis in (0, 1):
        near = np.repeat(image, 2, axis)
        edge = np.pad(image, [(1, 1) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        count = image.shape[axis]
        before, after = (np.take(edge, range(k, count + k), axis) for k in (0, 2))
        far = np.stack([before, after], axis + 1).reshape(near.shape)
        image = 0.75 * near + 0.25 * far
    return image[:height, :width]


@torch.no_grad()
@pytest.mark.parametrize("size", [(32, 40), (33, 47), (34, 30), (35, 29)])
def test_it_is_its_definition(size: tuple[int, int]) -> None:
    model = near_identity(noise=0.02).double()
    exposures = torch.rand(2, *size, dtype=torch.float64)

    def network(images: list[np.ndarray]) -> np.ndarray:
        planes = torch.from_numpy(np.stack(images))[None]
        return model(planes)[0, 0].numpy()

    y0 = list(exposures.numpy())
    y1 = [halved(image) for image in y0]
    y2 = [halved(image) for image in y1]
    r2 = network(y2)
    n1, n0 = network(y1), network(y0)
    r1 = n1 + doubled(r2 - halved(n1), *n1.shape)
    r0 = n0 + doubled(r1 - halved(n0), *n0.shape)
    found = pyramid_of(3, model).double()(exposures[None])[0, 0].numpy()
    np.testing.assert_allclose(found, r0, rtol=0, atol=1e-12)
    assert np.abs(r0 - n0).max() > 1e-2


@torch.no_grad()
def test_one_level_is_the_papers_network() -> None:
    model, images = DeepFuse(), torch.rand(2, 3, 15, 18)
    assert torch.equal(pyramid_of(1, model)(images), model(images))
    assert (pyramid_of(1).receptive_radius, pyramid_of(1).min_side) == (12, 4)


def test_levels_share_their_weights() -> None:
    assert sum(p.numel() for p in DeepFusePyramid(4).parameters()) == 88_961
    assert DeepFusePyramid(3).state_dict().keys() == DeepFuse().state_dict().keys()


@pytest.mark.parametrize(("levels", "radius"), [(2, 26), (3, 54), (4, 110)])
def test_receptive_radius_is_what_the_gradient_reaches(levels: int, radius: int) -> None:
    """`double` looks into the next square, so that where a pixel lies in its square matters.

    Down it reaches furthest from the second row of a coarsest pixel, to the left from the last
    column but one.
    """
    model = DeepFusePyramid(levels).double()
    with torch.no_grad():
        for value in model.parameters():
            value.abs_()
        model.conv5[0].weight.mul_(torch.linspace(1, 2, 25).reshape(5, 5))  # nothing cancels
    assert model.receptive_radius == radius
    row, column = 16 * 8 + 1, 16 * 8 + model.stride - 2
    images = torch.rand(1, 1, 264, 264, dtype=torch.float64, requires_grad=True)
    model(images)[0, 0, row, column].backward()
    rows, columns = torch.nonzero(images.grad[0, 0], as_tuple=True)
    assert rows.max() - row == column - columns.min() == radius
    assert row - rows.min() <= radius
    assert columns.max() - column <= radius


@torch.no_grad()
@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("count", [2, 3])
def test_least_side_is_enough(levels: int, count: int) -> None:
    model = DeepFusePyramid(levels)
    side = model.min_side
    for size in ((side, side), (side + 1, side), (side + 1, 2 * side - 1)):
        fused = model(torch.rand(2, count, *size))
        assert fused.shape == (2, 1, *size)
        assert fused.isfinite().all()


def test_gradient_reaches_every_parameter() -> None:
    model = DeepFusePyramid(3)
    model(torch.rand(2, 2, 33, 30)).square().mean().backward()
    for name, value in model.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name
