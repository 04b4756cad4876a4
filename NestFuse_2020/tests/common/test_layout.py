# From common_code/base/tests/common/test_layout.py; edit it there, then tools/sync.py.
"""The memory layout of convolutions."""

import pytest
import torch

from utils.util_device import memory_format

LAST, FIRST = torch.channels_last, torch.contiguous_format


@pytest.mark.parametrize(
    ("device", "capability", "fusing", "training"),
    [
        ("cpu", "AVX512", LAST, LAST),
        ("cpu", "AVX2", LAST, FIRST),
        ("cpu", "DEFAULT", LAST, FIRST),
        ("cuda", "AVX512", FIRST, FIRST),
    ],
)
def test_channels_are_last_where_that_is_faster(
    device: str,
    capability: str,
    fusing: torch.memory_format,
    training: torch.memory_format,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert memory_format(torch.device(device)) is fusing
    assert memory_format(torch.device(device), training=True) is training
