"""Measure a method against its plain form: the code that the files of the methods share.

A file `<Method>_<year>.py` beside this one runs in that method's folder and imports its `models`
and `utils`. It gives two functions that build the same named cases, once as the method ships and
once plainly. Each form runs in a process of its own, because the settings of the allocator and the
peak memory belong to a process. The two take turns, so that a machine whose speed drifts slows
both alike.
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from benchmark.run_with_peak_memory import peak_mib

Image = NDArray[np.uint8]
Case = Callable[[], float | Image]  # a training step returns its loss, fusing a fused image
Build = Callable[[torch.device], Mapping[str, Case]]
SEED = 0
MATRIX_SIDE = 4096  # of the matrix product whose rate stands for that of the machine
MIN_SECONDS = 1.0  # of one measurement
LOSS_TOLERANCE = 1e-3  # relative
LEVELS = 1  # gray levels of 255 by which fused images may differ

_cases: dict[str, Case] = {}  # of a worker process


def main(about: Mapping[str, str], ours: Build, plain: Build) -> None:
    """Measure and print JSON.

    Args:
        about: What each case does, by the case's name.
        ours: Builds the cases as the method ships.
        plain: Builds the same cases plainly: NCHW, eager, float32, whole images.
    """
    parser = argparse.ArgumentParser(description="Measure a method against its plain form.")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps")
    parser.add_argument("--rounds", type=int, default=5, help="turns of the two forms")
    args = parser.parse_args()
    device = torch.device(args.device)
    try:
        with Worker(ours, device) as our_form, Worker(plain, device) as plain_form:
            found = compare(about, our_form, plain_form, args.rounds)
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(found, indent=2))


class Worker:
    """A process that runs the cases of one form."""

    def __init__(self, build: Build, device: torch.device) -> None:
        self.pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_start, initargs=(build, device)
        )
        self.device = device

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the process and return its result."""
        return self.pool.submit(function, *arguments).result()

    def __enter__(self) -> "Worker":
        """Return the worker, whose process ends with the context."""
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()


def compare(about: Mapping[str, str], ours: Worker, plain: Worker, rounds: int) -> dict[str, Any]:
    """Measure every case in both forms and return plain types for JSON.

    Raises:
        ValueError: The two forms of a case give different results.
    """
    cases: dict[str, dict[str, Any]] = {}
    for name, text in about.items():
        check_equal(name, ours.run(_result, name), plain.run(_result, name))
        flops = ours.run(_count_flops, name)
        turns = [(ours.run(_time, name), plain.run(_time, name)) for _ in range(rounds)]
        seconds, plain_seconds = (statistics.median(form) for form in zip(*turns, strict=True))
        cases[name] = {
            "about": text,
            "per_second": 1 / seconds,
            "plain_per_second": 1 / plain_seconds,
            "ratio": statistics.median(other / own for own, other in turns),
            "gflops_per_second": 1e-9 * flops / seconds,
            "peak_memory_mib": ours.run(_peak_memory),
            "plain_peak_memory_mib": plain.run(_peak_memory),
        }
    rates = [ours.run(_matrix_product_rate, ours.device) for _ in range(rounds)]
    return {
        "cases": cases,
        "matrix_product_gflops_per_second": statistics.median(rates),
        "threads": ours.run(torch.get_num_threads),
    }


def check_equal(name: str, ours: float | Image, plain: float | Image) -> None:
    """Compare the results of a case: losses relatively, images in gray levels.

    Raises:
        ValueError: They differ.
    """
    if isinstance(ours, np.ndarray) and isinstance(plain, np.ndarray):
        difference = int(np.abs(ours.astype(int) - plain.astype(int)).max())
        equal = difference <= LEVELS
        found = f"fused images differ by {difference} gray levels"
    else:
        equal = math.isclose(ours, plain, rel_tol=LOSS_TOLERANCE)
        found = f"losses are {ours} and {plain}"
    if not equal:
        raise ValueError(f"{name}: the two forms give different results: {found}")


def training_step(model: nn.Module, loss: Callable[[], Tensor]) -> Case:
    """Return a case that does one step of Adam and returns the loss before it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> float:
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.item()

    return step


def noise(*shape: int) -> Tensor:
    """Return float32 noise in [0, 1], the same at each call."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(SEED))


def gray_pair(height: int, width: int) -> list[Image]:
    """Return two gray images of noise, (H, W) each."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(2)]


def planes(images: list[Image], device: torch.device) -> Tensor:
    """Return gray images, (H, W) each, as a batch in [0, 1], (N, 1, H, W)."""
    return torch.from_numpy(np.stack(images)).to(device)[:, None] / 255


def to_image(fused: Tensor) -> Image:
    """Return a fused image, (1, 1, H, W), near [0, 1], as clipped bytes, (H, W)."""
    return (255 * fused[0, 0].clamp(0, 1)).round().byte().cpu().numpy()


def load_weights(model: nn.Module, weights: Path) -> None:
    """Load a file of weights whose names are those of the model's parameters."""
    model.load_state_dict(load_file(weights))


def _start(build: Build, device: torch.device) -> None:
    torch.manual_seed(SEED)
    _cases.update(build(device))


def _result(name: str) -> float | Image:
    return _cases[name]()


def _time(name: str) -> float:
    """Return the median time of a case in seconds."""
    return _median("case()", case=_cases[name])


def _count_flops(name: str) -> int:
    with FlopCounterMode(display=False) as counter:
        _cases[name]()
    return counter.get_total_flops()


def _matrix_product_rate(device: torch.device) -> float:
    """Return the rate of a large float32 matrix product, GFLOP/s."""
    a = torch.rand(MATRIX_SIDE, MATRIX_SIDE, device=device)
    return 2e-9 * MATRIX_SIDE**3 / _median("a @ a", a=a)


def _median(statement: str, **names: Any) -> float:
    timer = Timer(statement, globals=names, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=MIN_SECONDS).median


def _peak_memory() -> float:
    """Return the largest resident memory of this process so far, MiB; nan if not counted."""
    return peak_mib() or math.nan
