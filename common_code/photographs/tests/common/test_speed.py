# From common_code/photographs/tests/common/test_speed.py; edit it there, then tools/sync.py.
"""What `speed.py` compares with: the plain forms compute the same loss."""

from collections.abc import Callable

import pytest
import torch
from pytorch_msssim import ms_ssim, ssim

from utils.common.speed import plain_ms_ssim, plain_ssim

Loss = Callable[..., torch.Tensor]


@pytest.mark.parametrize(("plain", "library"), [(plain_ssim, ssim), (plain_ms_ssim, ms_ssim)])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_form_equals_the_library(plain: Loss, library: Loss, channels: int) -> None:
    images = torch.rand(3, channels, 176, 208)
    blurred = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    expected = library(blurred, images, data_range=1.0)
    torch.testing.assert_close(plain(blurred, images), expected, atol=1e-5, rtol=0)
