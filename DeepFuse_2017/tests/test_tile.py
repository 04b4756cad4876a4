"""Tiled equals whole for any tile, size and number of exposures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.DeepFuse import DeepFuse
from tests.helpers import picture
from tests.method import near_identity
from tests.scenes import exposures
from utils.common.tile import TiledFusion
from utils.util_fusion import ImageFusion, desired_luma

MODEL = near_identity(noise=0.02)  # far from pointwise


def fusion_of(
    tile: int, receptive_radius: int = DeepFuse.receptive_radius, **options: object
) -> ImageFusion:
    """Return an ImageFusion of a network that is in no file."""
    fusion = ImageFusion.__new__(ImageFusion)
    TiledFusion.__init__(fusion, torch.device("cpu"), 1, receptive_radius, tile, **options)
    fusion.model = MODEL
    return fusion


def floats(count: int, height: int, width: int, channels: int) -> list[np.ndarray]:
    return [x / np.float32(255) for x in exposures(height, count, (height, width), channels)]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    height=st.integers(2, 45),
    width=st.integers(2, 45),
    tile=st.integers(1, 50),
    count=st.integers(2, 4),
    colour=st.booleans(),
    stretch=st.sampled_from(["none", "minmax"]),
)
def test_tiled_equals_whole(
    height: int, width: int, tile: int, count: int, colour: bool, stretch: str
) -> None:
    sources = floats(count, height, width, 3 if colour else 1)
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_result_has_the_type_of_the_first_source(dtype: type) -> None:
    other = exposures(0, 2, channels=1)[1]
    first = exposures(0, 2, channels=1, dtype=dtype)[0]
    assert fusion_of(16).fuse([first, other]).dtype == dtype
    assert fusion_of(16).fuse([other, first]).dtype == np.uint8


@pytest.mark.parametrize("size", [(11, 11), (11, 530), (517, 40), (523, 521)])
def test_desired_luma_has_no_seam(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [picture(n, *size, channels=1, dtype=np.uint16) for n in range(2)]
    tiled = desired_luma(sources)
    monkeypatch.setattr("utils.util_fusion.DESIRED_TILE", 0)
    whole = desired_luma(sources)
    assert tiled.shape == size
    assert np.abs(tiled.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("side", [512, 523, 1030])
def test_desired_luma_where_the_last_tile_is_thin(side: int) -> None:
    sources = [picture(n, side, 12, channels=3) for n in range(3)]
    assert desired_luma(sources).shape == (side, 12)
