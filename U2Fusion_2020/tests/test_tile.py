"""Tiled equals whole for any tile, size and number of sources; each fold sees further."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.DenseNet import DECODER, GROWTH, DenseNet
from tests.helpers import picture
from tests.method import near_identity
from utils.util_fusion import ImageFusion


def fusion_of(
    model: DenseNet, tile: int, receptive_radius: int = 10, **options: object
) -> ImageFusion:
    """Return an ImageFusion of a network that is in no file."""
    fusion = ImageFusion(model=model, device="cpu", tile=tile, **options)
    fusion.receptive_radius = receptive_radius
    return fusion


def floats(count: int, height: int, width: int, channels: int = 1) -> list[np.ndarray]:
    return [picture(n, height, width, channels) / np.float32(255) for n in range(count)]


def long_sighted() -> DenseNet:
    """Return a network whose pixels are the first source's, ten above and ten to the left."""
    model = DenseNet()
    newest = [0, *(GROWTH * n for n in range(5)), GROWTH * 5, *([0] * len(DECODER))]
    layers = [model.conv1, *model.dense, *model.decoder, model.conv_out]
    with torch.no_grad():
        for layer, channel in zip(layers, newest, strict=True):
            layer.weight.zero_()
            layer.weight[0, channel, 0, 0] = 1
    return model.eval()


NOISY, LONG = near_identity(noise=0.02), long_sighted()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    height=st.integers(2, 45),
    width=st.integers(2, 45),
    tile=st.integers(3, 50),
    count=st.integers(2, 4),
    color=st.booleans(),
    stretch=st.sampled_from(["none", "minmax", "max"]),
)
def test_tiled_equals_whole(
    height: int, width: int, tile: int, count: int, color: bool, stretch: str
) -> None:
    sources = floats(count, height, width, 3 if color else 1)
    whole = fusion_of(NOISY, 0, stretch=stretch).fuse(sources)
    tiled = fusion_of(NOISY, tile, stretch=stretch).fuse(sources)
    assert whole.shape == tiled.shape == sources[0].shape
    assert np.isfinite(whole).all()
    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize("count", [2, 3])
def test_a_receptive_radius_one_too_small_would_show(count: int) -> None:
    sources = floats(count, 60, 60)
    assert DenseNet.receptive_radius == 10
    whole = fusion_of(LONG, 0).fuse(sources)
    np.testing.assert_allclose(fusion_of(LONG, 30).fuse(sources), whole, atol=1e-6)
    assert np.abs(fusion_of(LONG, 30, receptive_radius=9).fuse(sources) - whole).max() > 0.01


def test_every_fold_adds_to_the_receptive_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [fusion_of(LONG, 30).receptive_radius_of(n) for n in (2, 3, 5)] == [10, 20, 40]
    first, *others = floats(3, 60, 60)
    twice = 0.5 + np.tanh(0.5 + np.tanh(first[10:-30, 10:-30]) / 2) / 2
    whole = fusion_of(LONG, 0).fuse([first, *others])
    np.testing.assert_allclose(whole[30:-10, 30:-10], twice, atol=1e-6)
    for radius, exact in ((20, True), (19, False), (10, False)):
        fusion = fusion_of(LONG, 30)
        monkeypatch.setattr(fusion, "receptive_radius_of", {3: radius}.get)
        off = np.abs(fusion.fuse([first, *others]) - whole).max()
        assert off <= 1e-6 if exact else off > 0.01


def test_minmax_of_a_uniform_result_is_finite() -> None:
    flat = np.full((20, 21), 0.5, np.float32)
    fused = fusion_of(LONG, 8, stretch="minmax").fuse([flat, flat])
    assert np.isfinite(fused).all()
    assert np.ptp(fused) == 0


@pytest.mark.parametrize(("level", "white"), [(0.5, True), (0.0, False)])
def test_a_uniform_result_is_brightened_unless_it_is_black(
    monkeypatch: pytest.MonkeyPatch, level: float, white: bool
) -> None:
    flat = np.full((20, 21), level, np.float32)
    fusion = fusion_of(LONG, 8, stretch="max")
    monkeypatch.setattr(fusion, "fuse_planes", lambda planes: planes[:1])
    np.testing.assert_allclose(fusion.fuse([flat, flat]), float(white), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_result_has_the_type_of_the_first_source(dtype: type) -> None:
    first, other = picture(0, channels=1, dtype=dtype), picture(1, channels=1)
    assert fusion_of(NOISY, 16).fuse([first, other]).dtype == dtype
    assert fusion_of(NOISY, 16).fuse([other, first]).dtype == np.uint8
