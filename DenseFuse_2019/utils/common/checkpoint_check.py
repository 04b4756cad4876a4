# From common_code/training/utils/common/checkpoint_check.py; edit it there, then tools/sync.py.
"""Check what a run's checkpoint holds before the run goes on with it.

A damaged or edited checkpoint is an error here, not a traceback in the middle of an epoch.
"""

import math
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from utils.common.checkpoint import random_states
from utils.utils import InputError

# What cannot be left out of the states of Adam, of its groups and of its schedule.
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
GROUP = {"params", "lr", "betas", "eps"}
SCHEDULE = {"base_lrs", "last_epoch", "lr_lambdas"}


def arguments_of(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the settings that a run was started with.

    Raises:
        InputError: they are not plain values by name.
    """
    found = checkpoint["arguments"]
    if not isinstance(found, dict) or not all(map(_is_plain, (*found, *found.values()))):
        raise InputError(f"{path} cannot be resumed: its arguments are not plain values")
    return found


def check_checkpoint(
    checkpoint: Mapping[str, Any], own: Mapping[str, Any], model: nn.Module, path: Path
) -> None:
    """Refuse a checkpoint that a run's state cannot be taken from.

    Args:
        checkpoint: Of a run with the same settings.
        own: The state that is to take it over, from `RunState.state_dict`.
        model: The network.
        path: For messages.

    Raises:
        InputError: entries are missing, of other types or shapes, or not finite.
    """
    weights, parameters = own["model"], dict(enumerate(model.parameters()))
    checks = {
        "model": lambda found: _are_like(found, weights),
        "optimizer": lambda found: _fits_adam(found, own["optimizer"], parameters),
        "scheduler": lambda found: _has_form(found, own["scheduler"], SCHEDULE),
        "next_epoch": _is_count,
        "steps_per_epoch": _is_count,
        "best_loss": lambda found: isinstance(found, float) and not math.isnan(found),
        "random_states": _are_random_states,
        "extra_state": lambda found: _fits_extra(found, own["extra_state"], weights),
    }
    for name in own:
        if not checks[name](checkpoint.get(name)):
            raise InputError(
                f"{path} cannot be resumed: its {name} is damaged or of another network; the "
                "run's other checkpoints lie beside it"
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_like(found: Any, wanted: Tensor) -> bool:
    """Return True for a tensor of the same shape and type with finite values."""
    if not isinstance(found, Tensor) or found.dtype != wanted.dtype:
        return False
    return found.shape == wanted.shape and bool(found.isfinite().all())


def _are_like(found: Any, wanted: Mapping[Any, Tensor]) -> bool:
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return False
    return all(_is_like(found[name], value) for name, value in wanted.items())


def _has_form(found: Any, own: Any, needed: Set[str] = frozenset()) -> bool:
    """Return True if the values have the same types; versions of PyTorch use different names."""
    if isinstance(own, dict):
        if not isinstance(found, dict) or not needed <= found.keys():
            return False
        return all(_has_form(found[name], own[name]) for name in own.keys() & found.keys())
    if isinstance(own, (list, tuple)):
        same = isinstance(found, type(own)) and len(found) == len(own)
        return same and all(map(_has_form, found, own))
    if isinstance(own, (int, float)) and not isinstance(own, bool):
        return isinstance(found, (int, float)) and math.isfinite(found)
    return isinstance(found, type(own))


def _fits_adam(found: Any, own: Mapping[str, Any], parameters: Mapping[int, Tensor]) -> bool:
    """Return True if the groups agree and the moments have the shapes of their parameters."""
    if not _has_form(found, {**own, "state": {}}, {"state", "param_groups"}):
        return False
    for group, mine in zip(found["param_groups"], own["param_groups"], strict=True):
        if not _has_form(group, mine, GROUP) or group["params"] != mine["params"]:
            return False
    kept = found["state"]
    if kept and not (kept.keys() == parameters.keys() and all(map(_has_moments, kept.values()))):
        return False
    moments = ("exp_avg", "exp_avg_sq")
    return all(_is_like(kept[n][m], parameters[n]) for n in kept for m in moments)


def _has_moments(kept: Any) -> bool:
    known = isinstance(kept, dict) and kept.keys() == MOMENTS
    return known and _is_like(kept["step"], torch.zeros(()))


def _are_random_states(found: Any) -> bool:
    if not isinstance(found, dict) or not {"cpu", "cuda"} <= found.keys():
        return False
    gpus = found["cuda"]
    sound = isinstance(gpus, list) and all(
        isinstance(gpu, Tensor) and gpu.dtype == torch.uint8 and gpu.ndim == 1 for gpu in gpus
    )
    return sound and _is_like(found["cpu"], random_states()["cpu"])


def _fits_extra(found: Any, own: Mapping[str, Any], weights: Mapping[str, Tensor]) -> bool:
    """Return True if numbers are counts, and mappings are empty or like the weights."""
    if not isinstance(found, dict) or found.keys() != own.keys():
        return False
    return all(
        _is_count(value) or (isinstance(value, dict) and (not value or _are_like(value, weights)))
        for value in found.values()
    )
