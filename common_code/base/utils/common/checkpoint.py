# From common_code/base/utils/common/checkpoint.py; edit it there, then tools/sync.py.
"""Checkpoints and weights: written whole or not at all, read without running code from them."""

import json
import math
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from utils.common.files import write_atomically
from utils.utils import InputError

UNREADABLE = (  # what torch, NumPy and safetensors raise for damaged or foreign files
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError),
    *(MemoryError, OSError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(pickle.UnpicklingError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
    SafetensorError,
)
MAX_EXPANSION = 100  # times the size of a file, which its members may have when unpacked
LAST = "last.pth"
BEST_WEIGHTS = "best.safetensors"
HUB_WEIGHTS = "model.safetensors"  # in a folder that is laid out for Hugging Face's hub


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save tensors and plain types as a `.pth` file that `load_checkpoint` reads."""
    write_atomically(path, lambda file: torch.save(dict(state), file))


def save_weights(path: Path, model: nn.Module, about: Mapping[str, str]) -> None:
    """Save a model's parameters as safetensors; `about` says what they are and how made."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    data = to_safetensors(tensors, about)
    write_atomically(path, lambda file: file.write(data))


def to_safetensors(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """Return the content of a safetensors file, which depends on nothing but the arguments.

    The library writes `about` in an order that changes with every process; here the header, a
    JSON object after its length, is sorted. It is filled up to 8 bytes, which tensors begin at.
    """
    data = save(dict(tensors), dict(about))
    stop = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:stop]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[stop:]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a `.pth`, `.model`, `.safetensors` or `.npz` file without running code from it.

    Args:
        path: The file, or a folder with a `model.safetensors`.

    Returns:
        What was saved, by name, on the CPU. For safetensors: the tensors, and under `about` the
        file's metadata. No tensor is larger than its data in the file.

    Raises:
        InputError: absent, unreadable, or a pickle with more than tensors and plain types.
    """
    path = weights_file(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        state = _read(path)
        _check_tensors(state)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} was not loaded: it holds more than tensors and plain types, and such a "
            "file can run code; re-save its state_dict alone"
        ) from error
    except UNREADABLE as error:
        raise InputError(f"{path} is not a readable checkpoint: {error}") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} holds a {type(state).__name__}, not a state_dict")
    if not all(isinstance(name, str) for name in state):
        raise InputError(f"{path} is not a state_dict: not all of its entries have names")
    return dict(state)


def weights_file(path: Path) -> Path:
    """Return a file as it is, and the weights in a folder that is laid out for the hub."""
    return path / HUB_WEIGHTS if path.is_dir() else path


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            return {**{k: file.get_tensor(k) for k in file.keys()}, "about": file.metadata()}  # noqa: SIM118
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_EXPANSION * path.stat().st_size:
            raise ValueError(f"it would unpack to {unpacked} bytes")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.tensor(arrays[name]) for name in arrays.files}
    return torch.load(path, map_location="cpu", weights_only=True)


def _check_tensors(state: object) -> None:
    """Refuse tensors in nested containers that are not dense, or larger than their data.

    A few bytes can otherwise declare terabytes, which the first operation would make real.
    """
    seen: set[int] = set()
    waiting = [state]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value
        elif isinstance(value, Tensor):
            if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
                raise ValueError("it holds a tensor that is not dense")
            room = value.untyped_storage().nbytes() // value.element_size()
            steps = zip(value.shape, value.stride(), strict=True)
            last = value.storage_offset() + sum((size - 1) * stride for size, stride in steps)
            count = math.prod(value.shape)
            if count > room or (count and last >= room):
                shape = tuple(value.shape)
                raise ValueError(f"it declares a tensor of shape {shape} without its values")


def tensors_of(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors that a part of a checkpoint holds by name."""
    return {n: v for n, v in state.items() if isinstance(n, str) and isinstance(v, Tensor)}


def summary_of(state: Mapping[str, Any]) -> str:
    """Return how many entries a checkpoint has and the names of the first three, for messages."""
    names = ", ".join(list(state)[:3])
    return f"it holds {len(state)} entries ({names}, ...)"


def copy_weights(
    target: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path | str
) -> None:
    """Copy a file's tensors into a network's.

    Args:
        target: The network's `state_dict`, or a part of it.
        found: Tensors of the same names and shapes.
        path: For messages.

    Raises:
        InputError: integers in place of floating-point numbers, or values that are not finite.
    """
    for name, own in target.items():
        if found[name].is_floating_point() != own.is_floating_point():
            kind = str(found[name].dtype).removeprefix("torch.")
            wanted = str(own.dtype).removeprefix("torch.")
            raise InputError(f"{path} cannot be used: {name} holds {kind}, not {wanted} values")
        own.copy_(found[name])
        if not own.isfinite().all():
            raise InputError(
                f"{path} cannot be used: {name} holds values that are not finite; give the weights "
                "of an earlier epoch or of another run"
            )


def is_run_checkpoint(state: Mapping[str, Any]) -> bool:
    """Return True for a run's own checkpoint, which can be resumed; weights alone cannot."""
    return {"model", "optimizer", "scheduler", "next_epoch", "arguments"} <= set(state)


def random_states() -> dict[str, Any]:
    """Return the states of PyTorch's generators, CPU and every GPU."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": gpus}


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Restore the generator states that `random_states` returned."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
