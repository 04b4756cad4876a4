"""Measure one method in this process, which runs in its folder, and write what was found as JSON.

The rule is the same for all methods: a pair of gray images of noise, 640x480, is fused by the
method's `ImageFusion` with the weights and settings that are its defaults, eleven times. The first
time warms up; the median of the other ten counts. Then the memory is read, and only then the
operations are counted, with the whole pair as one tile, because tiles compute their overlap twice.
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.efficiency import HEIGHT, WIDTH, Efficiency
from benchmark.run_with_peak_memory import peak_mib
from benchmark.speed.harness import gray_pair

REPEATS = 10
OPERATIONS = 2  # that `torch.utils.flop_counter` counts for each multiply-add


def of_method(device: str) -> Efficiency:
    """Measure the method in whose folder this process runs."""
    make = importlib.import_module("utils.util_fusion").ImageFusion
    return of_fusion(partial(make, device=device), network, device)


def of_student(device: str, teacher: str, weights: str) -> Efficiency:
    """Measure a student of a method; this process runs in the root of the repository."""
    make = partial(importlib.import_module("hubconf").realtime, teacher, weights, device=device)
    return of_fusion(make, lambda fusion: fusion.model, device)


def of_fusion(
    make: Callable[..., Any], network_of: Callable[[Any], nn.Module], device: str
) -> Efficiency:
    """Measure what `make` makes; `network_of` returns its network as the weights file has it."""
    fusion, pair = make(), gray_pair(HEIGHT, WIDTH)
    seconds = median_seconds(lambda: fusion.fuse(pair))
    peak = peak_memory(torch.device(device))
    whole = make(tile=0)
    return Efficiency(
        count_parameters(network_of(fusion)),
        count_multiply_adds(lambda: whole.fuse(pair)),
        seconds,
        peak,
    )


def of_baseline(rule: str) -> Efficiency:
    """Measure a baseline, which has no network."""
    from benchmark.baselines import RULES  # here, so that methods' memory does not include it

    pair = [image[..., None].astype(np.float64) for image in gray_pair(HEIGHT, WIDTH)]
    seconds = median_seconds(lambda: RULES[rule](pair))
    return Efficiency(None, None, seconds, peak_mib())


def median_seconds(fuse: Callable[[], Any]) -> float:
    """Return the median time of ten calls, after one that warms up.

    The call must not end before its result is in the memory of the host.
    """
    fuse()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        fuse()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_memory(device: torch.device) -> float | None:
    """Return the largest memory so far in MiB: of PyTorch on a GPU, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_mib()


def network(fusion: Any) -> nn.Module:
    """Return the network as its weights file has it.

    The one that fuses may have layers folded into others, and then fewer parameters.
    """
    loaded = importlib.import_module("utils.util_weights").load_model(fusion.weights)
    return loaded[0] if isinstance(loaded, tuple) else loaded  # some return the file's form too


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_multiply_adds(fuse: Callable[[], Any]) -> int:
    """Return the multiply-adds of the convolutions and matrix products of a call."""
    with FlopCounterMode(display=False) as counter:
        fuse()
    return counter.get_total_flops() // OPERATIONS


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write the file."""
    parser = argparse.ArgumentParser(description="Measure the method in this folder.")
    parser.add_argument("file", type=Path, help="JSON file to write")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--rule", help="measure this baseline instead")
    instead.add_argument(
        "--student_of",
        nargs=2,
        metavar=("METHOD", "FILE"),
        help="measure the student of this method instead",
    )
    args = parser.parse_args(argv)
    if args.rule:
        found = of_baseline(args.rule)
    elif args.student_of:
        found = of_student(args.device, *args.student_of)
    else:
        found = of_method(args.device)
    args.file.write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
