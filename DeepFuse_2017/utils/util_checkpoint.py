# Identical copy: see check_copies.py; edit the source, run --fix.
"""Checkpoints and weights: written whole or not at all, read without running code from them."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from utils.util_files import write_atomically
from utils.utils import InputError

UNREADABLE = (  # what readers raise on files that are not theirs
    *(BadZipFile, EOFError, KeyError, OSError, RuntimeError),
    *(SafetensorError, TypeError, ValueError),
)
LAST = "last.pth"
BEST_WEIGHTS = "best.safetensors"


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save tensors and plain types as a `.pth` file that `load_checkpoint` reads."""
    write_atomically(path, lambda file: torch.save(dict(state), file))


def save_weights(path: Path, model: nn.Module, about: Mapping[str, str]) -> None:
    """Save a model's parameters as safetensors; `about` says what they are and how made."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    write_atomically(path, lambda file: file.write(save(tensors, dict(about))))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a `.pth`, `.model`, `.safetensors` or `.npz` file without running code from it.

    Returns:
        What was saved, on the CPU; for safetensors the tensors by name, and under `about` the
        file's own description.

    Raises:
        InputError: absent, unreadable, or a pickle with more than tensors and plain types.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {**{k: file.get_tensor(k) for k in file.keys()}, "about": file.metadata()}  # noqa: SIM118
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.tensor(arrays[name]) for name in arrays.files}
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} was not loaded: it holds more than tensors and plain types, and such a "
            "file can run code; re-save its state_dict alone"
        ) from error
    except UNREADABLE as error:
        raise InputError(f"{path} is not a readable checkpoint: {error}") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} holds a {type(state).__name__}, not a state_dict")
    return dict(state)


def is_run_checkpoint(state: Mapping[str, Any]) -> bool:
    """Tell a run's own checkpoint, which can be resumed, from weights alone."""
    return {"model", "optimizer", "scheduler", "next_epoch", "arguments"} <= set(state)


def random_states() -> dict[str, Any]:
    """Return the states of PyTorch's generators, CPU and every GPU."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": gpus}


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Undo what has been drawn since `random_states`."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
