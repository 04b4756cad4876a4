# From common_code/base/utils/common/covered.py; edit it there, then tools/sync.py.
"""Sources that do not all cover the image, and what the result is where the others are missing."""

from collections.abc import Sequence

import numpy as np

from utils.common.color import luma_of_array
from utils.common.values import Array, from_unit, to_unit


class Covered(list[Array]):
    """Sources of which the others than the first cover the image in part.

    Args:
        sources: Images of one size.
        share: Of the fused image in the result, (H, W), float32 in [0, 1]; the rest is the first
            source as it is.
    """

    def __init__(self, sources: Sequence[Array], share: Array) -> None:
        super().__init__(sources)
        self.share = share

    def keep_first(self, fused: Array) -> Array:
        """Return a fused image mixed with the first source by `share`.

        Args:
            fused: (H, W) or (H, W, 3), of the type of the first source.
        """
        first = self[0] if fused.ndim == 3 else luma_of_array(self[0])
        if first.ndim < fused.ndim:
            first = first[..., None]
        share = self.share if fused.ndim == 2 else self.share[..., None]
        mixed = from_unit(share * to_unit(fused) + (1 - share) * to_unit(first), fused.dtype)
        return np.where(share == 0, first, mixed)  # exactly, also 16 bits
