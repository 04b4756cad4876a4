# From common_code/base/tests/common/test_align.py; edit it there, then tools/sync.py.
"""Whether sources seem to be aligned."""

import numpy as np

from tests.helpers import picture
from utils.common.align import misalignment


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
