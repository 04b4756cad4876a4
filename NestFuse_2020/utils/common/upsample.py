# From common_code/nested/utils/common/upsample.py; edit it there, then tools/sync.py.
"""Convolve maps of the scale below without doubling them first."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def doubled_conv(x: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
    """Return the 3x3 convolution of a map that is doubled by nearest neighbour.

    Each value of the map appears in 2x2 pixels, so that the kernel's sums over these, 4x4, do at a
    stride of 2. An odd size repeats the last value once more, which is what reflect padding of the
    doubled map gives; its reflected border is `x` with the border repeated.

    Args:
        x: (B, C, h, w).
        weight: (D, C, 3, 3).
        size: H and W, 2h or 2h + 1 and 2w or 2w + 1.

    Returns:
        (B, D, H, W).
    """
    kernel = weight.flip(2, 3).transpose(0, 1)  # a transposed convolution does not flip
    kernel = F.pad(kernel, (0, 1)) + F.pad(kernel, (1, 0))
    kernel = F.pad(kernel, (0, 0, 0, 1)) + F.pad(kernel, (0, 0, 1, 0))
    odd = [size[i] - 2 * x.shape[i + 2] for i in (0, 1)]
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(x, kernel, stride=2, padding=3, output_padding=odd)
