# From common_code/base/utils/util_device.py; edit it there, then tools/sync.py.
"""Where and how to compute: device, memory format and allocator."""

import ctypes
import os
import sys

import torch

from utils.utils import InputError

PRECISIONS = ("float32", "bfloat16", "auto")


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


def has_bfloat16(device: torch.device) -> bool:
    """Return True if a device computes convolutions in bfloat16 without emulating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.11
        return torch.cpu._is_avx512_bf16_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def check_precision(name: str, device: torch.device) -> str:
    """Return `float32`, `bfloat16` or `auto` if a device computes with it.

    Raises:
        InputError: unknown name, or bfloat16 on a device without it.
    """
    if name not in PRECISIONS:
        raise InputError(f"unknown precision {name!r} (--precision {'|'.join(PRECISIONS)})")
    if name == "bfloat16" and not has_bfloat16(device):
        raise InputError(
            f"{device.type} of this machine has no bfloat16; --precision float32 is exact, and "
            "--precision auto takes what is fastest"
        )
    return name


def memory_format(device: torch.device, training: bool = False) -> torch.memory_format:
    """Return the layout in which convolutions are fastest: channels last on a CPU.

    A CPU without AVX-512 takes longer for gradients in that layout, at most 1.7 times for a step.
    """
    fast = torch.backends.cpu.get_cpu_capability() == "AVX512" if training else True
    return torch.channels_last if device.type == "cpu" and fast else torch.contiguous_format


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
