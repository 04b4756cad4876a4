"""The checkpoints of a run: where they are, and whether a run can go on with one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from utils.common.checkpoint import load_checkpoint
from utils.utils import InputError


def stage_folder(run: Path, stage: str) -> Path:
    """Return the folder of a run in which a stage keeps its checkpoints."""
    return run / "checkpoints" / stage


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run that has a checkpoint in one of its stages' folders."""
    return checkpoint.absolute().parent.parent.parent


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint in a stage's folder that was written completely, if any."""
    named = folder / "last_checkpoint"
    if not named.is_file():
        return None
    path = folder / Path(named.read_text(encoding="utf-8").strip()).name
    return path if path.is_file() else None


def iterations_of(checkpoint: Path | None) -> int:
    """Return the number at the end of a checkpoint's name; 0 if there is none."""
    number = checkpoint.stem.rpartition("_")[2] if checkpoint else ""
    return int(number) if number.isdecimal() else 0


def read_own_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint of a training with this repository.

    Raises:
        InputError: unreadable, a pickle that can run code, or without an optimizer's state.
    """
    state = load_checkpoint(path)
    if not {"state_dict", "optimizer", "param_schedulers", "meta"} <= set(state):
        raise InputError(
            f"{path} is no checkpoint of a run of this repository, and only those can be resumed; "
            "start a new run from its weights (pretrained_fuser, pretrained_segmenter)"
        )
    return state


def check_weights(found: Any, own: Mapping[str, Tensor], path: Path) -> None:
    """Refuse a checkpoint whose weights are not those of a network; mmengine skips such weights.

    Args:
        found: The checkpoint's `state_dict`.
        own: The network's `state_dict`.
        path: The checkpoint, for messages.

    Raises:
        InputError: weights are missing, of other shapes or types, or not finite.
    """
    if not isinstance(found, dict) or found.keys() != own.keys():
        raise InputError(f"{path} cannot be resumed: it holds the weights of another network")
    for name, value in own.items():
        other = found[name]
        same = isinstance(other, Tensor) and (other.shape, other.dtype) == (
            value.shape,
            value.dtype,
        )
        if not (same and other.isfinite().all()):
            raise InputError(f"{path} cannot be resumed: its {name} is damaged")
