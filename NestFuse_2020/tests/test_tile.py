"""Tiled equals whole, whatever the tile, though channel attention looks at whole maps."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import NestFuse_2020
from models.fusion_strategy import ATTENTION, CHANNEL, SPATIAL
from tests.helpers import picture
from tests.method import near_identity
from utils.util_fast import use_fast_joins
from utils.util_fusion import ImageFusion
from utils.utils import InputError

THIN = (8, 10, 12, 14)  # channels; where tiles lie does not depend on them
CHOICES = [
    *((channel, "both") for channel in CHANNEL),
    *((channel, "channel") for channel in CHANNEL),
    ("avg", "spatial"),
]
every_choice = pytest.mark.parametrize(("channel", "attention"), CHOICES)


@cache
def network(channels: int = 1, thin: bool = False) -> torch.nn.Module:
    with pytest.MonkeyPatch.context() as patch:
        if thin:
            patch.setattr(NestFuse_2020, "WIDTHS", THIN)
        return use_fast_joins(near_identity(channels, 0.7))  # far from pointwise


class ExactFusion(ImageFusion):
    """Computes in float64: the soft-max of 255 times the features enlarges rounding errors."""

    def planes(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        return super().planes(images).double()


def fusion_of(
    tile: int,
    channel: str = "avg",
    attention: str = "both",
    spatial: str = "mean",
    model: torch.nn.Module | None = None,
    **options: object,
) -> ImageFusion:
    """Return an ImageFusion of a network that is in no file."""
    model = model or network()
    exact = next(model.parameters()).dtype == torch.float64
    return (ExactFusion if exact else ImageFusion)(
        model=model,
        channel=channel,
        attention=attention,
        spatial=spatial,
        rgb_mode="luma" if model.channels == 1 else "channels",
        device="cpu",
        tile=tile,
        **options,
    )


def floats(seed: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    return picture(seed, height, width, channels) / np.float32(255)


sides = st.integers(2, 100)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    height=sides,
    width=sides,
    tile=st.integers(1, 70),
    channel=st.sampled_from(CHANNEL),
    attention=st.sampled_from(ATTENTION),
    spatial=st.sampled_from(SPATIAL),
    network_of=st.tuples(st.sampled_from([1, 3]), st.just(True)),
    color=st.booleans(),
    sources=st.integers(2, 3),
)
def test_tiled_equals_whole(
    height: int,
    width: int,
    tile: int,
    channel: str,
    attention: str,
    spatial: str,
    network_of: tuple[int, bool, bool],
    color: bool,
    sources: int,
) -> None:
    images = [floats(0, height, width, 3)]
    images += [floats(n, height, width) for n in range(1, sources)]
    choice = (channel, attention, spatial, network(*network_of).double())
    options = {"color": color, "stretch": "minmax"}  # nothing hides beyond a clip
    whole = fusion_of(0, *choice, **options).fuse(images)
    tiled = fusion_of(tile, *choice, **options).fuse(images)
    assert whole.shape == tiled.shape == ((height, width, 3) if color else (height, width))
    assert whole.std() > 0.01
    assert np.abs(tiled - whole).max() <= 1e-6


@every_choice
@pytest.mark.parametrize("size", [(57, 83), (16, 97), (74, 50)])
def test_tiles_of_the_true_network(channel: str, attention: str, size: tuple[int, int]) -> None:
    images = [floats(n, *size) for n in (0, 1)]
    whole = fusion_of(0, channel, attention, stretch="minmax").fuse(images)
    tiled = fusion_of(40, channel, attention, stretch="minmax").fuse(images)
    assert np.abs(tiled - whole).max() <= 1e-5


def test_a_halo_that_is_too_small_would_show() -> None:
    images = [floats(n, 80, 80) for n in (0, 1)]
    whole = fusion_of(0, attention="spatial").fuse(images)
    short = fusion_of(40, attention="spatial")
    assert short.receptive_radius == 32  # 29, up to a multiple of the stride
    short.receptive_radius = 8
    assert np.abs(short.fuse(images) - whole).max() > 1e-5


@pytest.mark.parametrize("channel", CHANNEL)
def test_attention_to_each_tile_alone_would_show(
    channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [floats(n, 64, 80) for n in (0, 1)]
    images[0][:, :40] *= 0.1
    whole = fusion_of(0, channel).fuse(images)
    tiled = fusion_of(40, channel)
    monkeypatch.setattr(tiled, "tile_function", lambda _: tiled.fuse_planes)
    assert np.abs(tiled.fuse(images) - whole).max() > 1e-4


@pytest.mark.parametrize("attention", ["both", "channel"])
def test_nuclear_attention_to_a_large_image_is_refused(
    attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utils.util_fusion.NUCLEAR_PIXELS", 33 * 47)
    images = [floats(n, 33, 47) for n in (0, 1)]
    assert fusion_of(16, "nuclear", attention).fuse(images).shape == (33, 47)
    images = [floats(n, 33, 48) for n in (0, 1)]
    message = r"48x33 is too large for --channel nuclear.*--channel avg and max work"
    with pytest.raises(InputError, match=message):
        fusion_of(16, "nuclear", attention).fuse(images)
    for other in ("avg", "max"):
        assert fusion_of(16, other, attention).fuse(images).shape == (33, 48)
    assert fusion_of(16, "nuclear", "spatial").fuse(images).shape == (33, 48)


@every_choice
@pytest.mark.parametrize("size", [(2, 2), (15, 15), (3, 40), (21, 9)])
def test_images_smaller_than_the_network_takes(
    channel: str, attention: str, size: tuple[int, int]
) -> None:
    fusion = fusion_of(0, channel, attention, model=near_identity(1))
    images = [floats(n, *size) for n in (0, 1)]
    fused = fusion.fuse(images)
    assert fused.shape == size
    beyond = [(0, max(0, 16 - side)) for side in size]
    mirrored = fusion.fuse([np.pad(image, beyond, mode="symmetric") for image in images])
    np.testing.assert_array_equal(fused, mirrored[: size[0], : size[1]])
    assert np.abs(fusion.fuse([images[0]] * 2) - images[0]).mean() < 0.2


def test_sources_that_cannot_be_fused() -> None:
    image = picture(0)
    with pytest.raises(InputError, match="1 source to fuse, at least 2"):
        fusion_of(0).fuse([image])
    with pytest.raises(InputError, match=r"differ in size .*40x33, 47x33"):
        fusion_of(0).fuse([image, image[:, :40]])
    with pytest.raises(InputError, match="side of one pixel"):
        fusion_of(0).fuse([image[:1], image[:1]])
