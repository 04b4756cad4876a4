# From common_code/training/utils/common/split.py; edit it there, then tools/sync.py.
"""Which samples are trained on, and which are held out to validate on."""

import random
from collections.abc import Sequence
from typing import TypeVar

from utils.utils import InputError

Sample = TypeVar("Sample")


def hold_out(
    found: Sequence[Sample], wanted: int, val_fraction: float, seed: int, unit: str
) -> tuple[list[Sample], list[Sample]]:
    """Return the samples to train on and those to validate on.

    Args:
        found: All samples.
        wanted: Use at most this many, both parts together (`--train_num`).
        val_fraction: Share held out, in [0, 1); at least one sample unless it is 0.
        seed: Decides which samples are used, and for what.
        unit: What the samples are, for messages.

    Raises:
        InputError: too few samples to split.
    """
    used = random.Random(seed).sample(found, min(wanted, len(found)))
    held_out = max(1, round(val_fraction * len(used))) if val_fraction > 0 else 0
    if held_out >= len(used):
        raise InputError(f"{len(used)} {unit} are too few to split; add some, or --val_fraction 0")
    return used[held_out:], used[:held_out]
