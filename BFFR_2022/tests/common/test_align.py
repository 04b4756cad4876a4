# From common_code/base/tests/common/test_align.py; edit it there, then tools/sync.py.
"""Whether sources seem aligned, and aligning exposures."""

import numpy as np
import pytest

from tests.helpers import picture
from utils.common.align import align_exposures, misalignment


def offset_of(fixed: np.ndarray, moved: np.ndarray) -> tuple[int, int]:
    found = misalignment(fixed, moved)
    assert found is not None
    return found


def test_a_pair_shifted_by_a_twelfth_is_noticed() -> None:
    scene = picture(3, 130, 280, channels=1)
    visible, moved = scene[10:120, 20:260], scene[10:120, 40:280]
    inverted = 255 - moved  # hot is dark: only edges agree
    dx, dy = offset_of(visible, inverted)
    assert abs(dx + 20) <= 2
    assert abs(dy) <= 2
    dx, _ = offset_of(np.dstack([moved] * 3), visible)
    assert abs(dx - 20) <= 2


def test_an_aligned_pair_is_not_complained_of() -> None:
    scene = picture(3, 110, 240, channels=1)
    assert misalignment(scene, 255 - scene) is None
    assert misalignment(np.dstack([scene] * 3), scene.astype(np.uint16) * 200) is None
    flat = np.full((30, 40), 9, np.uint8)
    assert misalignment(flat, flat) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_shifted_exposures_are_brought_together(dtype: type, channels: int) -> None:
    scene = picture(3, 150, 190, channels, dtype)
    exposures = [scene[8:138, 10:180] // 2, scene[5:135, 13:183], scene[10:140, 9:179] // 4 * 3]
    aligned, shifts = align_exposures(exposures)
    assert sorted(shifts) == sorted([(1, -2), (4, -5), (0, 0)])  # the middle one stays
    assert [image.shape[:2] for image in aligned] == [(130 - 5, 170 - 4)] * 3
    assert aligned[1].dtype == dtype
    np.testing.assert_array_equal(aligned[0], aligned[1] // 2)
    np.testing.assert_array_equal(aligned[2], aligned[1] // 4 * 3)


def test_aligned_exposures_stay_whole() -> None:
    scene = picture(3, 60, 70)
    aligned, shifts = align_exposures([scene // 2, scene])
    assert shifts == [(0, 0), (0, 0)]
    np.testing.assert_array_equal(aligned[1], scene)
