"""Spatial and channel attention, each against the paper's formula."""

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.fusion_strategy import (
    ATTENTION,
    CHANNEL,
    SPATIAL,
    channel_weights,
    fuse_scale,
    pool,
    spatial_weights,
)
from tests.method import near_identity
from utils.util_fusion import ImageFusion

CHOICES = [
    *((spatial, channel, "both") for spatial in SPATIAL for channel in CHANNEL),
    *((spatial, "avg", "spatial") for spatial in SPATIAL),
    *(("mean", channel, "channel") for channel in CHANNEL),
]
every_choice = pytest.mark.parametrize(("spatial", "channel", "attention"), CHOICES)


def features(sources: int, seed: int = 0) -> Tensor:
    """Return random features as an encoder gives them, not negative, (N, 2, 5, 6, 9)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(sources, 2, 5, 6, 9, generator=generator) * 0.05


def fuse(maps: Tensor, spatial: str, channel: str, attention: str) -> Tensor:
    return fuse_scale(maps, pool(maps, channel), spatial, attention)


def test_choices_are_complete() -> None:
    assert {attention for *_, attention in CHOICES} == set(ATTENTION)
    assert (SPATIAL[0], CHANNEL[0], ATTENTION[0]) == ("mean", "avg", "both")  # defaults


@pytest.mark.parametrize("kind", SPATIAL)
def test_spatial_weights_are_the_papers_formula(kind: str) -> None:
    maps = features(3)
    activity = 255 * maps.double().numpy().sum(axis=2)  # of images in 0-255
    if kind == "mean":
        activity /= 5
    expected = np.exp(activity) / np.exp(activity).sum(axis=0)
    found = spatial_weights(maps, kind)
    assert found.shape == (3, 2, 1, 6, 9)
    np.testing.assert_allclose(found[:, :, 0], expected, rtol=1e-4)
    torch.testing.assert_close(found.sum(dim=0), torch.ones(2, 1, 6, 9))


def test_the_sum_chooses_harder_than_the_mean() -> None:
    maps = features(2)
    by_mean, by_sum = (spatial_weights(maps, kind).amax(dim=0) for kind in ("mean", "sum"))
    assert (by_sum >= by_mean).all()
    assert by_sum.mean() > by_mean.mean() + 0.1


def test_features_beyond_any_exponent_are_safe() -> None:
    weights = spatial_weights(features(2) * 1e6, "sum")
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(dim=0), torch.ones(2, 1, 6, 9))


def test_pooling_of_every_map() -> None:
    maps = features(2)
    by_numpy = {"avg": np.mean, "max": np.max, "nuclear": lambda x: np.linalg.norm(x, "nuc")}
    assert set(by_numpy) == set(CHANNEL)
    for layout in (maps, maps.transpose(3, 4).contiguous().transpose(3, 4)):
        for kind, norm in by_numpy.items():
            found = pool(layout, kind)
            assert found.shape == (2, 2, 5)
            for place in np.ndindex(2, 2, 5):
                expected = norm(maps[place].double().numpy())
                assert found[place].item() == pytest.approx(expected, rel=1e-5)


def test_channel_weights_by_hand() -> None:
    pooled = torch.tensor([[[1.0, 3.0, 0.0]], [[3.0, 0.0, 0.0]]])
    assert channel_weights(pooled)[0, 0].tolist() == [0.25, 1, 0.5]
    assert channel_weights(pooled)[1, 0].tolist() == [0.75, 0, 0.5]
    three = channel_weights(pool(features(3), "avg"))
    torch.testing.assert_close(three.sum(dim=0), torch.ones(2, 5))


@pytest.mark.parametrize("channel", CHANNEL)
@pytest.mark.parametrize("spatial", SPATIAL)
def test_both_is_the_mean_of_the_halves(spatial: str, channel: str) -> None:
    maps = features(2)
    by_space = (spatial_weights(maps, spatial) * maps).sum(dim=0)
    by_channel = (channel_weights(pool(maps, channel))[..., None, None] * maps).sum(dim=0)
    torch.testing.assert_close(fuse(maps, spatial, channel, "spatial"), by_space)
    torch.testing.assert_close(fuse(maps, spatial, channel, "channel"), by_channel)
    both = fuse(maps, spatial, channel, "both")
    torch.testing.assert_close(both, (by_space + by_channel) / 2)
    assert not torch.allclose(by_space, by_channel)


@every_choice
def test_equal_sources_give_what_one_gives(spatial: str, channel: str, attention: str) -> None:
    one = features(1)
    for count in (2, 3):
        fused = fuse(one.repeat(count, 1, 1, 1, 1), spatial, channel, attention)
        torch.testing.assert_close(fused, one[0])


@every_choice
def test_order_is_free(spatial: str, channel: str, attention: str) -> None:
    maps = features(3)
    expected = fuse(maps, spatial, channel, attention)
    for order in permutations(range(3)):
        torch.testing.assert_close(fuse(maps[list(order)], spatial, channel, attention), expected)


@every_choice
@torch.no_grad()
def test_batched_pairs_are_single_pairs(spatial: str, channel: str, attention: str) -> None:
    model = near_identity(1)
    fusion = ImageFusion(
        model=model, spatial=spatial, channel=channel, attention=attention, device="cpu"
    )
    pairs = torch.rand(2, 3, 1, 17, 24)  # three pairs
    pairs[0, 1] = 0  # one of which has a dark source
    scales = [scale.unflatten(0, (2, 3)) for scale in model.encoder(pairs.flatten(0, 1))]
    fused = model.decoder([fuse(scale, spatial, channel, attention) for scale in scales])[-1]
    for number in range(3):
        alone = fusion.fuse_planes(pairs[:, number])
        torch.testing.assert_close(fused[number], alone[0], atol=1e-5, rtol=0)


@every_choice
def test_nothing_is_weighed_alike(spatial: str, channel: str, attention: str) -> None:
    maps = torch.zeros(2, 1, 3, 8, 8)
    assert (fuse(maps, spatial, channel, attention) == 0).all()
    maps[0, :, 0] = 0.1  # a channel that is empty in the other source, and two in both
    fused = fuse(maps, spatial, channel, attention)
    assert fused.isfinite().all()
    assert (fused[:, 1:] == 0).all()
    assert (fused[:, 0] > 0.05).all()
    if attention == "channel":
        torch.testing.assert_close(fused[:, 0], maps[0, :, 0])
