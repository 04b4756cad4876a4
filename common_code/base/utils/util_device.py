# From common_code/base/utils/util_device.py; edit it there, then tools/sync.py.
"""Where and how to compute: device, threads, memory format and allocator."""

import ctypes
import os
import sys

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration

from utils.utils import InputError

PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}  # ours to accelerate's


def resolve_device(name: str) -> torch.device:
    """Return the device called `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    `auto` takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: unknown name, or a device that this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r} (--device auto|cpu|cuda[:N]|mps)") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device {name!r} is not supported (--device auto|cpu|cuda[:N]|mps)")
    found = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": torch.backends.mps.is_available()}
    if (device.index or 0) >= int(found[device.type]):
        raise InputError(
            f"no device {name!r} here, {int(found[device.type])} of that kind found; "
            "--device auto takes what there is"
        )
    return device


def build_accelerator(device: torch.device, precision: str, seed: int) -> Accelerator:
    """Return the accelerator for one process, or for the one that a launcher started.

    Args:
        device: From `resolve_device`. Under `torchrun` each process takes the GPU of its rank.
        precision: `fp32`, `bf16` or `fp16`.
        seed: Seeds the order of the samples, together with the epoch.

    Raises:
        InputError: `accelerate launch` was asked for several processes and started one.
    """
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=PRECISIONS[precision],
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, data_seed=seed),
    )
    launched = os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_ADDR" in os.environ
    if launched and accelerator.num_processes == 1:
        raise InputError(
            "accelerate launch starts one process on CPUs, whatever --num_processes says, unless "
            "it uses MPI; start several with torchrun --nproc_per_node N run_train.py ..."
        )
    return accelerator


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout in which convolutions are fastest: channels last on a CPU."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def set_threads(count: int) -> None:
    """Compute with `count` CPU threads; 0 leaves PyTorch's choice (one a core)."""
    if count > 0:
        torch.set_num_threads(count)


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks instead of returning them after every step.

    Activations of some 100 MB are freed and taken again at each step; mapping them anew costs
    about half of a plain training step on a CPU. Linux with glibc only, and not where the user
    has set MALLOC_ variables; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux") or any(k.startswith("MALLOC_") for k in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    m_trim_threshold, m_mmap_max = -1, -4  # from glibc's malloc.h
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, 2**31 - 1)
