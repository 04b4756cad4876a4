# From common_code/base/tests/common/test_arrays.py; edit it there, then tools/sync.py.
"""Which arrays are fused, and which are refused in words."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import picture
from utils.common.tile import TiledFusion
from utils.utils import InputError


class Average(TiledFusion):
    """The mean of the sources, with a hook that is to run once per image."""

    min_side = 16

    def __init__(self) -> None:
        super().__init__(torch.nn.Identity(), channels=1, receptive_radius=0, device="cpu")
        self.calls = 0

    def fuse(self, sources: Sequence[np.ndarray]) -> np.ndarray:
        """Count, then fuse."""
        self.calls += 1
        return super().fuse(sources)

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
    (torch.zeros(20, 20), "is a Tensor; give a NumPy array"),
]


@pytest.mark.parametrize(("pixels", "message"), REFUSED)
def test_what_would_be_misread_is_refused(pixels: np.ndarray, message: str) -> None:
    good = np.zeros(tuple(pixels.shape[:2]), np.uint8)
    with pytest.raises(InputError, match="source 2 of 2 .*" + message):
        Average().fuse([good, pixels])


def test_a_small_image_passes_an_override_once() -> None:
    fusion = Average()
    small = picture(0, 5, 9)
    assert fusion.fuse([small, small]).shape == (5, 9, 3)
    assert fusion.calls == 1
