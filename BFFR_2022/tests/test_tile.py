"""Tiled equals whole, whatever the tile, though attention sums over the whole image."""

import math
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.TransFuser6 import TransFuser6
from tests.helpers import picture
from tests.method import near_identity
from utils.util_fusion import ImageFusion

THIN: dict[str, Any] = {
    "WIDTHS": (4, 4, 8, 8),
    "HEADS": (2, 2, 4, 4),
    "STEM_WIDTH": 2,
}  # the radius stays
BOUND = 1e-6  # of values in 0 to 1; 4e-7 is found, 6e-8 with the true network


@cache
def network(thin: bool) -> TransFuser6:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in THIN.items() if thin else ():
            patch.setattr(f"models.TransFuser6.{name}", value)
        return near_identity(noise=0.7 if thin else 0.3)  # far from pointwise, not saturated


def fusion_of(tile: int, thin: bool = True, **options: Any) -> ImageFusion:
    return ImageFusion(device="cpu", tile=tile, model=network(thin), **options)


def floats(seed: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    return picture(seed, height, width, channels) / np.float32(255)


def unlike(height: int, width: int, channels: int = 1) -> list[np.ndarray]:
    """Return sources whose ends have little in common."""
    images = [floats(0, height, width, channels), floats(1, height, width)]
    images[0][:, width // 2 :] *= 0.1
    return images


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    short=st.integers(2, 40),
    long=st.integers(2, 260),  # two halos and more
    upright=st.booleans(),
    tile=st.integers(24, 140),
    color=st.booleans(),
)
def test_tiled_equals_whole(short: int, long: int, upright: bool, tile: int, color: bool) -> None:
    size = (long, short) if upright else (short, long)
    images = [floats(0, *size, 3), floats(1, *size)]
    whole = fusion_of(0, color=color).fuse(images)
    tiled = fusion_of(tile, color=color).fuse(images)
    assert whole.shape == tiled.shape == ((*size, 3) if color else size)
    assert whole.std() > 0.01
    assert np.abs(tiled - whole).max() <= BOUND


@pytest.mark.parametrize(("size", "tile"), [((17, 205), 56), ((211, 18), 90)])
def test_tiles_of_the_true_network(size: tuple[int, int], tile: int) -> None:
    images = unlike(*size)
    whole = fusion_of(0, thin=False).fuse(images)
    tiled = fusion_of(tile, thin=False).fuse(images)
    assert whole.std() > 0.01
    assert np.abs(tiled - whole).max() <= BOUND


@pytest.mark.parametrize("channels", [1, 3])
def test_stretched_tiles_share_their_bounds(channels: int) -> None:
    images = unlike(24, 200, channels)
    whole = fusion_of(0, stretch="minmax").fuse(images)
    tiled = fusion_of(48, stretch="minmax").fuse(images)
    assert (whole.min(), whole.max()) == (0, 1)
    assert np.abs(tiled - whole).max() <= 10 * BOUND  # stretching enlarges


@pytest.mark.parametrize(("stretch", "low"), [("minmax", None), ("max", 0)])
def test_bounds_of_a_stretch_can_be_others(stretch: str, low: float | None) -> None:
    images = unlike(24, 40)
    plain = fusion_of(0).fuse(images)
    received = []

    def steady(*found: float) -> tuple[float, float]:
        received.append(found)
        return 0.1, 0.6

    fused = fusion_of(0, stretch=stretch).fuse(images, steady=steady)
    least = plain.min() if low is None else low
    assert received == [pytest.approx((least, plain.max()))]
    np.testing.assert_allclose(fused, ((plain - 0.1) / 0.5).clip(0, 1), atol=1e-5)


def test_attention_to_each_tile_alone_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    images = unlike(24, 250)
    whole = fusion_of(0).fuse(images)
    tiled = fusion_of(48)
    monkeypatch.setattr(tiled, "tile_function", lambda _: tiled.fuse_planes)
    assert np.abs(tiled.fuse(images) - whole).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "value"), [("receptive_radius", 24), ("stride", 1), ("stride", 4)]
)
def test_wrong_tiles_would_show(name: str, value: int) -> None:
    images = unlike(24, 250)
    whole = fusion_of(0).fuse(images)
    tiled = fusion_of(48)
    tiled.tile = 50  # five of 50 pixels, unless they are rounded up to the stride
    assert np.abs(tiled.fuse(images) - whole).max() <= BOUND
    setattr(tiled, name, value)
    assert np.abs(tiled.fuse(images) - whole).max() > 10 * BOUND


def test_tiles_are_multiples_of_the_stride() -> None:
    assert [fusion_of(tile).tile for tile in (0, 1, 16, 17, 64)] == [0, 16, 16, 24, 64]
    assert (fusion_of(0).stride, fusion_of(0).receptive_radius) == (8, TransFuser6.receptive_radius)


def test_sums_are_gathered_only_if_there_are_several_tiles() -> None:
    images = [floats(n, 24, 40) for n in (0, 1)]
    for tile in (0, 40):
        fusion = fusion_of(tile)
        assert fusion.tile_function(images) == fusion.fuse_planes
    tiled = fusion_of(32).tile_function(images)
    assert isinstance(tiled, partial)
    grams = tiled.keywords["grams"]
    assert [tuple(vis.shape) for vis, _ in grams] == [(1, w, w) for w in THIN["WIDTHS"]]


@pytest.mark.parametrize(("size", "count"), [((672, 672), 1), ((480, 800), 1), ((680, 672), 4)])
def test_images_as_large_as_a_tile_with_its_halo_are_whole(
    size: tuple[int, int], count: int
) -> None:
    """512 and twice 80 are 672; a larger image is cut into tiles of 512 or less."""
    fusion = ImageFusion(device="cpu")
    images = [np.zeros(size, np.uint8)] * 2
    assert len(list(fusion.source_tiles(images))) == count
    assert len(list(ImageFusion(device="cpu", tile=512).source_tiles(images))) == math.prod(
        math.ceil(side / 512) for side in size
    )


@pytest.mark.parametrize("size", [(2, 2), (15, 15), (3, 40), (21, 9)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_smaller_than_the_network_takes(size: tuple[int, int], channels: int) -> None:
    fusion = fusion_of(0)
    images = [floats(0, *size, channels), floats(1, *size)]
    fused = fusion.fuse(images)
    assert fused.shape == images[0].shape
    beyond = [(0, max(0, TransFuser6.min_side - side)) for side in size]
    mirrored = [np.pad(x, [*beyond, (0, 0)][: x.ndim], mode="symmetric") for x in images]
    np.testing.assert_array_equal(fused, fusion.fuse(mirrored)[: size[0], : size[1]])
    assert np.isfinite(fused).all()


def test_least_side_is_the_least_that_works() -> None:
    model, side = network(True), TransFuser6.min_side
    assert model(*torch.rand(2, 1, 1, side, side)).isfinite().all()
    with pytest.raises(RuntimeError, match="Padding size"):
        model(*torch.rand(2, 1, 1, side - 1, side))
