# From common_code/base/utils/common/speed.py; edit it there, then tools/sync.py.
"""Measure a method's speed against its plain form, alternating, each in a process of its own.

A method's `speed.py` gives named cases, each a function that does one step. It is started twice
as a child, once to run the cases as they ship and once plainly (NCHW, eager, default allocator);
the parent asks the two in turn, so that a machine whose speed drifts treats both alike.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from utils.common.flags import FlagParser, positive_int
from utils.common.image import Array, write_image
from utils.common.training_flags import PRECISIONS
from utils.util_device import resolve_device, set_threads

MATRIX_SIDE = 4096  # of the matrix product that stands for what the machine can do
PAIR = (480, 640)  # height and width of what is fused, pixels
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
Case = Callable[[], object]


def parse_args(description: str) -> argparse.Namespace:
    """Return the settings of a `speed.py`."""
    parser = FlagParser(description=description)
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for one a core")
    parser.add_argument("--num_workers", type=int, default=1, help="loading processes, ours alone")
    parser.add_argument("--precision", choices=tuple(PRECISIONS), default="fp32", help="ours alone")
    parser.add_argument("--tile", type=int, help="pixels a side, 0 for whole images")
    parser.add_argument("--rounds", type=positive_int, default=5, help="turns of the two forms")
    parser.add_argument("--child", choices=("ours", "plain"), help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(
    args: argparse.Namespace,
    about: Mapping[str, str],
    steps: Mapping[str, int],
    ours: Callable[[argparse.Namespace], Mapping[str, Case]],
    plain: Callable[[argparse.Namespace], Mapping[str, Case]],
) -> None:
    """Print the figures as JSON, or be a child that measures.

    Args:
        args: From `parse_args`.
        about: The method's name and what each case is.
        steps: Steps a round of each case.
        ours: Makes the cases as they ship.
        plain: Makes the same cases plainly.
    """
    set_threads(args.threads)
    if args.child is not None:
        serve((ours if args.child == "ours" else plain)(args), resolve_device(args.device))
        return
    machine = {
        "device": args.device,
        "threads": torch.get_num_threads(),
        "precision": args.precision,
        "torch": str(torch.__version__),
    }
    found = compare(steps, sys.argv[1:], args.rounds)
    print(json.dumps({"about": {**about, **machine}, **found}, indent=2))


def make_photographs(folder: Path) -> list[Path]:
    """Write 32 JPEG files of 640x480, smooth with some noise, and return their paths."""
    random = np.random.default_rng(0)
    paths = [folder / f"{index:02d}.jpg" for index in range(32)]
    for path in paths:
        coarse = (
            random.random((PAIR[0] // 16, PAIR[1] // 16, 3)).repeat(16, axis=0).repeat(16, axis=1)
        )
        noise = random.normal(0, 8, (*PAIR, 3))
        write_image(path, (255 * coarse + noise).clip(0, 255).astype(np.uint8))
    return paths


def make_pair(size: tuple[int, int] = PAIR) -> list[Array]:
    """Return two gray images of noise, (H, W) each."""
    random = np.random.default_rng(1)
    return [random.integers(0, 256, size, dtype=np.uint8) for _ in range(2)]


def batches(loader: Iterable[Any]) -> Iterator[Any]:
    """Yield batches without end."""
    while True:
        yield from loader


def plain_ssim(output: Tensor, target: Tensor) -> Tensor:
    """Return SSIM averaged over a batch in its plain form: five convolutions with 2-D windows."""
    luminance, structure = _plain_maps(output, target)
    return (luminance * structure).mean()


def plain_ms_ssim(output: Tensor, target: Tensor) -> Tensor:
    """Return MS-SSIM averaged over a batch in its plain form, as `plain_ssim`."""
    result = output.new_ones(output.shape[0])
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        luminance, structure = _plain_maps(output, target)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        factor = (luminance * structure if last else structure).mean(dim=(1, 2, 3))
        result = result * factor.relu() ** weight
        output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return result.mean()


def _plain_maps(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and the contrast-structure factor at every valid position."""
    offsets = torch.arange(11, device=output.device, dtype=output.dtype) - 5
    line = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = torch.outer(line, line) / line.sum() ** 2
    channels = output.shape[1]
    kernel = window.expand(channels, 1, 11, 11)

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image, kernel, groups=channels)

    mean_x, mean_y = blur(output), blur(target)
    var_x = blur(output * output) - mean_x**2
    var_y = blur(target * target) - mean_y**2
    cov = blur(output * target) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return luminance, (2 * cov + 0.03**2) / (var_x + var_y + 0.03**2)


def matrix_product(device: torch.device) -> float:
    """Return the rate of a large float32 matrix product, GFLOP/s, the best of three."""
    a = torch.rand(MATRIX_SIDE, MATRIX_SIDE, device=device)
    return 2e-9 * MATRIX_SIDE**3 / min(_seconds(lambda: a @ a, 1) for _ in range(3))


def _seconds(step: Case, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / count


def serve(cases: Mapping[str, Case], device: torch.device) -> None:
    """Be a child: answer each line `{"case": ..., "count": ...}` on stdin with one on stdout."""
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked["case"]
        if name == "memory":
            answer = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB on Linux
        elif name == "matrix_product":
            answer = matrix_product(device)
        elif name == "flops":
            with FlopCounterMode(display=False) as counter:
                cases[asked["of"]]()
            answer = float(counter.get_total_flops())
        else:
            answer = _seconds(cases[name], asked["count"])
        print(json.dumps(answer), flush=True)


class Child:
    """A process that runs the cases in one of the two forms."""

    def __init__(self, form: str, arguments: list[str]) -> None:
        command = [sys.executable, sys.argv[0], *arguments, "--child", form]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def ask(self, case: str, **more: Any) -> float:
        """Return the child's answer: seconds a step, or what the case is named after.

        Raises:
            RuntimeError: the child ended.
        """
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({"case": case, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the measuring process ended with status {self.process.wait()}")
        return float(json.loads(line))

    def close(self) -> None:
        """Let the process end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def compare(cases: Mapping[str, int], arguments: list[str], rounds: int) -> dict[str, Any]:
    """Measure every case in both forms and return plain types for JSON.

    Args:
        cases: Steps a round of each case.
        arguments: The script's own, passed on to the children.
        rounds: How often the two take turns; medians are reported.
    """
    ours, plain = Child("ours", arguments), Child("plain", arguments)
    report: dict[str, Any] = {}
    rates = []
    for name, count in cases.items():
        flops = ours.ask("flops", of=name)
        for child in (ours, plain):
            child.ask(name, count=1)  # warm up
        seconds: list[tuple[float, float]] = []
        for _ in range(rounds):
            seconds.append((ours.ask(name, count=count), plain.ask(name, count=count)))
            rates.append(ours.ask("matrix_product"))
        mine = statistics.median(a for a, _ in seconds)
        report[name] = {
            "per_second": round(1 / mine, 3),
            "plain_per_second": round(1 / statistics.median(b for _, b in seconds), 3),
            "ratio": round(statistics.median(b / a for a, b in seconds), 2),
            "gflops_per_second": round(flops * 1e-9 / mine, 1),
            "peak_memory_mib": {  # of the process, with the cases before
                "ours": round(ours.ask("memory")),
                "plain": round(plain.ask("memory")),
            },
        }
    best = statistics.median(rates)
    for entry in report.values():
        entry["share_of_matrix_product"] = round(entry["gflops_per_second"] / best, 3)
    report["matrix_product_gflops_per_second"] = round(best, 1)
    ours.close()
    plain.close()
    return report
