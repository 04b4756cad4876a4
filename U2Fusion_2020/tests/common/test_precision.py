# From common_code/base/tests/common/test_precision.py; edit it there, then tools/sync.py.
"""Half precision: what it computes, where it is refused, and how `auto` chooses."""

import time

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.helpers import picture
from utils import util_device
from utils.common import tiled_fusion
from utils.common.tiled_fusion import TiledFusion
from utils.utils import InputError


class Convolved(TiledFusion):
    """The first source through a convolution of weight 1, or slowly in one of the precisions."""

    def __init__(self, precision: str, slow: str = "") -> None:
        model = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(model.weight)
        self.slow = slow
        super().__init__(
            model, channels=1, receptive_radius=0, device="cpu", precision=precision, color=False
        )

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Return (1, 1, H, W) for (N, 1, H, W)."""
        half = torch.is_autocast_enabled("cpu")
        time.sleep(0.05 if self.slow == ("bfloat16" if half else "float32") else 0)
        return self.model(planes[:1])


@pytest.fixture
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that computes in bfloat16, which every machine can at least emulate."""
    for module in (util_device, tiled_fusion):
        monkeypatch.setattr(module, "has_bfloat16", lambda device: True)


@pytest.mark.usefixtures("with_bfloat16")
def test_values_are_rounded_to_bfloat16() -> None:
    unit = (picture(0, channels=1) / 255).astype(np.float32)
    fused = Convolved("bfloat16").fuse([unit, unit])
    expected = torch.from_numpy(unit).bfloat16().float().numpy()
    assert fused.dtype == np.float32
    np.testing.assert_array_equal(fused, expected)
    assert (fused != unit).any()
    np.testing.assert_array_equal(Convolved("float32").fuse([unit, unit]), unit)


def test_a_device_without_bfloat16_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (util_device, tiled_fusion):
        monkeypatch.setattr(module, "has_bfloat16", lambda device: False)
    with pytest.raises(InputError, match="cpu of this machine has no bfloat16"):
        Convolved("bfloat16")
    pixels = picture(0, channels=1)
    fusion = Convolved("auto")
    np.testing.assert_array_equal(fusion.fuse([pixels, pixels]), pixels)
    assert fusion.precision == "float32"
    assert "no bfloat16" in fusion.trial


@pytest.mark.usefixtures("with_bfloat16")
@pytest.mark.parametrize(("slow", "taken"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_auto_takes_the_faster_one_and_says_so(slow: str, taken: str) -> None:
    pixels = picture(0, channels=1)
    fusion = Convolved("auto", slow)
    fusion.fuse([pixels, pixels])
    assert fusion.precision == taken
    assert f"{slow} 0.05" in fusion.trial
    assert f"{taken} 0.0" in fusion.trial


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown precision 'half' \(--precision"):
        Convolved("half")
