"""Tiled equals whole for any tile, size and number of exposures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from tests.method import near_identity
from tests.scenes import exposures
from utils.util_fusion import ImageFusion

MODEL = near_identity(noise=0.02)  # far from pointwise
PYRAMID = DeepFusePyramid(3)
PYRAMID.load_state_dict(MODEL.state_dict())


def fusion_of(
    tile: int, receptive_radius: int = DeepFuse.receptive_radius, **options: object
) -> ImageFusion:
    """Return an ImageFusion of a network that is in no file."""
    fusion = ImageFusion(model=MODEL, device="cpu", tile=tile, **options)
    fusion.receptive_radius = receptive_radius
    return fusion


def floats(count: int, height: int, width: int, channels: int) -> list[np.ndarray]:
    return [x / np.float32(255) for x in exposures(height, count, (height, width), channels)]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    height=st.integers(2, 45),
    width=st.integers(2, 45),
    tile=st.integers(1, 50),
    count=st.integers(2, 4),
    color=st.booleans(),
    stretch=st.sampled_from(["none", "minmax"]),
)
def test_tiled_equals_whole(
    height: int, width: int, tile: int, count: int, color: bool, stretch: str
) -> None:
    sources = floats(count, height, width, 3 if color else 1)
    whole = fusion_of(0, stretch=stretch).fuse(sources)
    tiled = fusion_of(tile, stretch=stretch).fuse(sources)
    assert whole.shape == tiled.shape == sources[0].shape
    assert np.isfinite(whole).all()
    assert np.abs(tiled - whole).max() <= 1e-5


def test_a_halo_one_smaller_would_show() -> None:
    sources = floats(2, 60, 60, 1)
    whole = fusion_of(0).fuse(sources)
    assert np.abs(fusion_of(30).fuse(sources) - whole).max() <= 1e-5
    assert np.abs(fusion_of(30, receptive_radius=4).fuse(sources) - whole).max() > 1e-5


def pyramid_of(tile: int, **options: object) -> ImageFusion:
    """Return an ImageFusion of three levels."""
    return ImageFusion(model=PYRAMID, device="cpu", tile=tile, **options)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(2, 150),
    width=st.integers(2, 170),
    tile=st.integers(1, 100),
    count=st.integers(2, 3),
)
def test_tiles_of_a_pyramid_equal_the_whole(height: int, width: int, tile: int, count: int) -> None:
    sources = floats(count, height, width, 1)
    whole = pyramid_of(0).fuse(sources)
    assert whole.shape == sources[0].shape
    assert np.abs(pyramid_of(tile).fuse(sources) - whole).max() <= 1e-5


def test_tiles_of_a_pyramid_have_its_halo_and_stride() -> None:
    fusion = pyramid_of(30)
    assert (fusion.receptive_radius, fusion.stride, fusion.tile) == (56, 4, 32)
    sources = floats(2, 203, 202, 1)
    whole = pyramid_of(0).fuse(sources)
    assert np.abs(fusion.fuse(sources) - whole).max() <= 1e-5
    for wrong in (20, 55):  # too small, and not a multiple of the stride
        fusion.receptive_radius = wrong
        assert np.abs(fusion.fuse(sources) - whole).max() > 1e-5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_result_has_the_type_of_the_first_source(dtype: type) -> None:
    other = exposures(0, 2, channels=1)[1]
    first = exposures(0, 2, channels=1, dtype=dtype)[0]
    assert fusion_of(16).fuse([first, other]).dtype == dtype
    assert fusion_of(16).fuse([other, first]).dtype == np.uint8
