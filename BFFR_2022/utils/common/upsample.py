# From common_code/nested/utils/common/upsample.py; edit it there, then tools/sync.py.
"""Convolve maps of the next coarser scale as if they had been doubled, without doubling them."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def doubled_conv(x: Tensor, weight: Tensor, size: Sequence[int]) -> Tensor:
    """Return the 3x3 convolution, with reflect padding, of maps doubled by nearest neighbor.

    Doubling by nearest neighbor and then a 3x3 convolution is a transposed convolution of stride 2
    with a 4x4 kernel: each of its weights is the sum of the 3x3 weights that fall on one source
    value. Odd sizes repeat the last row or column. Repeating the border of `x` is the same as
    reflecting the border of the doubled map.

    Args:
        x: Maps, (B, C, h, w).
        weight: Kernel, (D, C, 3, 3).
        size: H and W of the result: 2h or 2h + 1, and 2w or 2w + 1.

    Returns:
        (B, D, H, W).
    """
    kernel = weight.flip(2, 3).transpose(0, 1)  # a transposed convolution does not flip
    kernel = F.pad(kernel, (0, 1)) + F.pad(kernel, (1, 0))
    kernel = F.pad(kernel, (0, 0, 0, 1)) + F.pad(kernel, (0, 0, 1, 0))
    odd = [size[i] - 2 * x.shape[i + 2] for i in (0, 1)]
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(x, kernel, stride=2, padding=3, output_padding=odd)
