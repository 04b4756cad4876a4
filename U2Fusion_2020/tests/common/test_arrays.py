# From common_code/base/tests/common/test_arrays.py; edit it there, then tools/sync.py.
"""Which arrays are fused, and which are refused in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import picture
from utils.common.tiled_fusion import Steady, TiledFusion, as_found
from utils.common.values import Image
from utils.utils import InputError


class Average(TiledFusion):
    """The mean of the sources, with a hook that is to run once per image."""

    min_side = 16

    def __init__(self, device: str = "cpu", stretch: str = "none") -> None:
        super().__init__(
            torch.nn.Identity(), channels=1, receptive_radius=0, device=device, stretch=stretch
        )
        self.calls = 0

    def fuse(self, sources: Sequence[Image], *, steady: Steady = as_found) -> Image:
        """Count, then fuse."""
        self.calls += 1
        return super().fuse(sources, steady=steady)

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Return (N, 1, H, W) averaged to (1, 1, H, W)."""
        return planes.mean(dim=0, keepdim=True)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floating_point_in_the_unit_range(kind: type) -> None:
    levels = [picture(seed, channels=1) for seed in (0, 1)]
    fused = Average().fuse([(image / 255).astype(kind) for image in levels])
    assert fused.dtype == kind
    expected = (levels[0] / 255 + levels[1] / 255) / 2
    np.testing.assert_allclose(fused, expected, atol=1e-3 if kind == np.float16 else 1e-6)


def test_types_may_differ_and_the_first_decides() -> None:
    first, second = picture(0, channels=1), picture(1, channels=1, dtype=np.uint16)
    fused = Average().fuse([first, second])
    assert fused.dtype == np.uint8
    expected = np.rint((first / 255 + second / 65535) / 2 * 255)
    assert np.abs(fused - expected).max() <= 1
    assert Average().fuse([second, first]).dtype == np.uint16


REFUSED = [
    (picture(0) * 1.0, r"float64 values from 0 to 255; .*must be in \[0, 1\]"),
    (np.full((20, 20), np.nan, np.float32), "float32 values from nan to nan"),
    (np.full((20, 20), -0.1, np.float32), "float32 values from -0.1 to -0.1"),
    (picture(0).astype(np.int32), "int32 values; give uint8, uint16, or floating point"),
    (picture(0).astype(np.int16), "int16 values"),
    (picture(0) > 9, "bool values"),
    (np.zeros((20, 20, 4), np.uint8), r"shape \(20, 20, 4\); .*drop the alpha channel"),
    (np.zeros((20, 20, 1), np.uint8), r"shape \(20, 20, 1\); give \(H, W\)"),
    (np.zeros((1, 3, 20, 20), np.uint8), r"shape \(1, 3, 20, 20\)"),
    (torch.zeros(1, 20, 20), "is a Tensor; give a NumPy array"),
]


@pytest.mark.parametrize(("pixels", "message"), REFUSED)
def test_what_would_be_misread_is_refused(pixels: np.ndarray, message: str) -> None:
    good = np.zeros(tuple(pixels.shape[:2]), np.uint8)
    with pytest.raises(InputError, match="source 2 of 2 .*" + message):
        Average().fuse([good, pixels])


REFUSED_TENSORS = [
    (torch.zeros(20, 20), r"shape \(20, 20\); give tensors of \(1, H, W\) or \(3, H, W\)"),
    (torch.zeros(20, 20, 3), r"shape \(20, 20, 3\)"),
    (torch.zeros(1, 3, 20, 20), r"shape \(1, 3, 20, 20\)"),
    (torch.full((1, 20, 20), 1.5), r"float32 values from 1.5 to 1.5; .*must be in \[0, 1\]"),
    (torch.zeros(1, 20, 20, dtype=torch.int16), "int16 values; give uint8, uint16"),
    (np.zeros((20, 20), np.uint8), "is a ndarray; give a Tensor"),
]


@pytest.mark.parametrize(("pixels", "message"), REFUSED_TENSORS)
def test_tensors_that_would_be_misread_are_refused(pixels: Any, message: str) -> None:
    good = torch.zeros(1, 20, 20)
    with pytest.raises(InputError, match="source 2 of 2 .*" + message):
        Average().fuse([good, pixels])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("size", [(40, 33), (5, 9)])
def test_tensors_give_what_arrays_give(kind: type, size: tuple[int, int]) -> None:
    scale = 255 if kind in (np.float32, np.float64) else 1
    color: np.ndarray = (picture(0, *size) / scale).astype(kind)
    gray: np.ndarray = (picture(1, *size, channels=1) / scale).astype(kind)
    for first, second in ((color, gray), (gray, gray)):
        expected = Average().fuse([first, second])
        tensors = [torch.from_numpy(np.atleast_3d(x)).permute(2, 0, 1) for x in (first, second)]
        fused = Average().fuse(tensors)
        assert fused.shape == (np.atleast_3d(expected).shape[2], *size)
        assert fused.dtype == tensors[0].dtype
        assert not fused.is_inference()
        np.testing.assert_array_equal(fused.permute(1, 2, 0), np.atleast_3d(expected))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_tensors_stay_on_their_device() -> None:
    pixels = torch.from_numpy(picture(0, channels=1))[None]
    fused = Average(device="cuda").fuse([pixels.cuda(), pixels.cuda()])
    assert fused.device.type == "cuda"
    assert torch.equal(fused.cpu(), Average().fuse([pixels, pixels]))


def test_a_small_image_passes_an_override_once() -> None:
    fusion = Average()
    small = picture(0, 5, 9)
    assert fusion.fuse([small, small]).shape == (5, 9, 3)
    assert fusion.calls == 1


@pytest.mark.parametrize(("stretch", "found"), [("minmax", (0.2, 0.6)), ("max", (0.0, 0.6))])
def test_bounds_of_a_stretch_can_be_others(stretch: str, found: tuple[float, float]) -> None:
    image = np.linspace(0.2, 0.6, 400, dtype=np.float32).reshape(20, 20)
    given = []

    def steady(low: float, high: float) -> tuple[float, float]:
        given.append((low, high))
        return 0.1, 0.5

    fused = Average(stretch=stretch).fuse([image, image], steady=steady)
    assert given == [pytest.approx(found)]
    np.testing.assert_allclose(fused, ((image - 0.1) / 0.4).clip(0, 1), atol=1e-6)
    Average().fuse([image, image], steady=steady)
    assert len(given) == 1  # nothing is stretched
