# From common_code/base/tests/common/test_color.py; edit it there, then tools/sync.py.
"""Luma and chroma: BT.601, full range, R G B in that order."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import picture
from utils.common.color import luma, luma_of_array, recolor, rgb_to_ycbcr, ycbcr_to_rgb


def colors(*values: tuple[float, float, float]) -> Tensor:
    """Return pixels side by side, (1, 3, 1, n)."""
    return torch.tensor(values).T[None, :, None]


def photograph(seed: int) -> Tensor:
    return torch.from_numpy(picture(seed) / np.float32(255)).permute(2, 0, 1)[None]


def test_primaries() -> None:
    rgb = colors((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0.5, 0.5, 0.5))
    np.testing.assert_allclose(luma(rgb).flatten(), [0.299, 0.587, 0.114, 1, 0.5], atol=1e-7)
    y, cb, cr = rgb_to_ycbcr(rgb)
    assert torch.equal(y, luma(rgb))
    np.testing.assert_allclose(cb.flatten(), [-0.168736, -0.331264, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(cr.flatten(), [0.5, -0.418688, -0.081312, 0, 0], atol=1e-6)


def test_gray_is_its_own_luma() -> None:
    gray = torch.rand(2, 1, 4, 5)
    assert luma(gray) is gray


@pytest.mark.parametrize(
    ("pixel", "expected"),  # 76.245, 149.685 and 29.07 of 255
    [
        (np.array([255, 0, 0], np.uint8), 76),
        (np.array([0, 255, 0], np.uint8), 150),
        (np.array([0, 0, 65535], np.uint16), 7471),
        (np.array([1, 0, 0], np.float32), np.float32(0.299)),
    ],
)
def test_luma_of_arrays(pixel: np.ndarray, expected: float) -> None:
    found = luma_of_array(np.broadcast_to(pixel, (2, 5, 3)))
    assert (found.dtype, found.shape) == (pixel.dtype, (2, 5))
    assert (found == expected).all()
    assert luma_of_array(found) is found  # gray already


def test_round_trip() -> None:
    rgb = photograph(0)
    torch.testing.assert_close(ycbcr_to_rgb(*rgb_to_ycbcr(rgb)), rgb, atol=1e-6, rtol=0)


def test_one_sources_chroma_is_kept() -> None:
    rgb, fused = photograph(0), photograph(1)[:, :1]
    result = recolor(fused, [rgb])
    torch.testing.assert_close(luma(result), fused, atol=1e-6, rtol=0)
    for found, expected in zip(rgb_to_ycbcr(result)[1:], rgb_to_ycbcr(rgb)[1:], strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_several_sources_weigh_by_distance_from_neutral() -> None:
    # Cb of 0.3 and -0.1: (0.3 * 0.3 - 0.1 * 0.1) / 0.4 = 0.2; Cr of 0 and 0.2: 0.2
    y = torch.full((1, 1, 1, 1), 0.5)
    planes = [(0.3, 0.0), (-0.1, 0.2)]
    sources = [ycbcr_to_rgb(y, torch.full_like(y, cb), torch.full_like(y, cr)) for cb, cr in planes]
    _, cb, cr = rgb_to_ycbcr(recolor(torch.full_like(y, 0.4), sources))
    assert cb.item() == pytest.approx(0.2, abs=1e-6)
    assert cr.item() == pytest.approx(0.2, abs=1e-6)
    torch.testing.assert_close(recolor(y, sources), recolor(y, sources[::-1]))


def test_neutral_sources_give_a_neutral_result() -> None:
    neutral = torch.full((1, 3, 2, 2), 0.25)
    result = recolor(torch.full((1, 1, 2, 2), 0.75), [neutral, 0 * neutral])
    torch.testing.assert_close(result, torch.full((1, 3, 2, 2), 0.75), atol=1e-6, rtol=0)
