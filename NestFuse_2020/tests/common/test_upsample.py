# From common_code/nested/tests/common/test_upsample.py; edit it there, then tools/sync.py.
"""The convolution without the doubled map equals doubling, padding and convolving."""

import pytest
import torch
import torch.nn.functional as F

from utils.common.upsample import doubled_conv


@pytest.mark.parametrize("size", [(8, 10), (9, 10), (8, 11), (9, 11), (2, 3)])
def test_it_is_the_convolution_of_the_doubled_map(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, size[0] // 2, size[1] // 2, dtype=torch.float64)
    weight = torch.rand(4, 3, 3, 3, dtype=torch.float64)
    doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    doubled = F.pad(doubled, (0, size[1] % 2, 0, size[0] % 2), mode="reflect")
    expected = F.conv2d(F.pad(doubled, (1, 1, 1, 1), mode="reflect"), weight)
    torch.testing.assert_close(doubled_conv(x, weight, size), expected)
