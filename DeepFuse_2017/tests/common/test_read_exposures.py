# From common_code/exposures/tests/common/test_read_exposures.py; edit it there, then tools/sync.py.
"""Shifting exposures onto each other."""

import numpy as np
import pytest

from tests.helpers import picture
from utils.common.read_exposures import align_exposures


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
