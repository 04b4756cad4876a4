"""Tiled equals whole, whatever the tile."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fusion_strategy import STRATEGIES
from tests.helpers import picture
from tests.method import near_identity
from utils.common.tile import tiles
from utils.util_fusion import ImageFusion
from utils.utils import InputError

Case = tuple[str, int, str]


@cache
def network(channels: int) -> torch.nn.Module:
    return near_identity(channels, noise=0.05)  # far from pointwise


def fusion_of(strategy: str, channels: int, tile: int, **options: object) -> ImageFusion:
    """Return an ImageFusion of a network that is in no file."""
    mode = "luma" if channels == 1 else "channels"
    options |= {"rgb_mode": mode, "device": "cpu", "tile": tile}
    return ImageFusion(model=network(channels), strategy=strategy, **options)


def floats(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    return picture(seed, height, width, channels) / np.float32(255)


sides = st.integers(2, 40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    height=sides,
    width=sides,
    tile=st.integers(1, 45),
    strategy=st.sampled_from(list(STRATEGIES)),
    channels=st.sampled_from([1, 3]),
    color=st.booleans(),
    stretch=st.sampled_from(["none", "minmax"]),
    sources=st.integers(2, 3),
)
def test_tiled_equals_whole(
    height: int,
    width: int,
    tile: int,
    strategy: str,
    channels: int,
    color: bool,
    stretch: str,
    sources: int,
) -> None:
    images = [floats(0, height, width, 3)]
    images += [floats(n, height, width, 1) for n in range(1, sources)]
    options = {"color": color, "stretch": stretch}
    whole = fusion_of(strategy, channels, 0, **options).fuse(images)
    tiled = fusion_of(strategy, channels, tile, **options).fuse(images)
    assert whole.shape == tiled.shape == ((height, width, 3) if color else (height, width))
    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_halo_one_smaller_would_show(strategy: str) -> None:
    images = [floats(n, 40, 40, 1) for n in (0, 1)]
    whole = fusion_of(strategy, 1, 0).fuse(images)
    short = fusion_of(strategy, 1, 20)
    assert short.receptive_radius == (9 if strategy == "l1" else 8)
    short.receptive_radius = 2
    assert np.abs(short.fuse(images) - whole).max() > 1e-5


@settings(max_examples=50, deadline=None, derandomize=True)
@given(height=sides, width=sides, side=st.integers(0, 45), receptive_radius=st.integers(0, 20))
def test_tiles_cover_an_image_exactly_once(
    height: int, width: int, side: int, receptive_radius: int
) -> None:
    image = np.arange(height * width).reshape(height, width)
    covered = np.zeros((height, width), int)
    for tile in tiles(height, width, side, receptive_radius):
        covered[tile.write] += 1
        np.testing.assert_array_equal(image[tile.read][tile.keep], image[tile.write])
        assert (
            max(image[tile.read].shape) <= max(side or max(height, width), 1) + 2 * receptive_radius
        )
    assert (covered == 1).all()


def test_minmax_reaches_both_ends_and_none_does_not_stretch() -> None:
    images = [0.25 + 0.5 * floats(n, 33, 47, 1) for n in (0, 1)]
    stretched = fusion_of("addition", 1, 16, stretch="minmax").fuse(images)
    assert (stretched.min(), stretched.max()) == (0, 1)
    plain = fusion_of("addition", 1, 16).fuse(images)
    scaled = (plain - plain.min()) / np.ptp(plain)
    np.testing.assert_allclose(stretched, scaled, atol=1e-5)


def test_minmax_of_a_uniform_result_is_finite() -> None:
    flat = np.full((20, 21), 0.5, np.float32)
    assert np.isfinite(fusion_of("addition", 1, 0, stretch="minmax").fuse([flat, flat])).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_result_has_the_type_of_the_first_source(dtype: type) -> None:
    fusion = fusion_of("addition", 1, 16)
    visible, infrared = picture(0, dtype=dtype), picture(1, channels=1)
    fused = fusion.fuse([visible, infrared])
    assert (fused.dtype, fused.shape) == (dtype, visible.shape)
    assert fusion.fuse([infrared, visible]).dtype == np.uint8


def test_chroma_is_kept_and_nothing_wraps_around() -> None:
    fusion = fusion_of("max", 1, 0)
    visible, infrared = picture(0), picture(1, channels=1)
    fused = fusion.fuse([visible, infrared]).astype(float)
    inside = ((fused > 0) & (fused < 255)).all(axis=2)
    assert 0.1 < inside.mean() < 1  # some clip, some do not
    difference = fused - visible  # one luma step in all three channels keeps the chroma
    spread = np.ptp(difference, axis=2)
    assert spread[inside].max() <= 1
    weights = np.array([0.299, 0.587, 0.114])
    gray = fusion_of("max", 1, 0, color=False).fuse([visible, infrared]).astype(float)
    assert np.abs(fused @ weights - gray)[inside].max() <= 1
    unclipped = visible + (gray - visible @ weights)[..., None]
    np.testing.assert_allclose(fused, unclipped.clip(0, 255), atol=1.5)


def test_sources_that_cannot_be_fused() -> None:
    fusion = fusion_of("addition", 1, 0)
    image = picture(0)
    with pytest.raises(InputError, match="1 source to fuse, at least 2"):
        fusion.fuse([image])
    with pytest.raises(InputError, match=r"differ in size .*40x33, 47x33"):
        fusion.fuse([image, image[:, :40]])
    with pytest.raises(InputError, match="side of one pixel"):
        fusion.fuse([image[:1], image[:1]])


@pytest.mark.parametrize(
    ("length", "side", "parts"),
    [
        (512, 512, [512]),
        (513, 512, [257, 256]),  # not 512 and 1
        (1000, 512, [500, 500]),
        (1025, 512, [342, 342, 341]),
        (40, 0, [40]),
    ],
)
def test_no_tile_is_a_sliver(length: int, side: int, parts: list[int]) -> None:
    found = list(tiles(length, 7, side, 0))
    assert [tile.write[0].stop - tile.write[0].start for tile in found] == parts
    across = list(tiles(7, length, side, 0))
    assert [tile.write[1].stop - tile.write[1].start for tile in across] == parts
    assert len(list(tiles(length, length, side, 0))) == len(parts) ** 2
