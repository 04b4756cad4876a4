"""Time a student beside its teacher: `python -m apps.realtime.speed --weights best.safetensors`."""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import hubconf
from apps.realtime.fuse import DEFAULT_TEACHER, named_teacher
from apps.realtime.onnx_file import load_onnx
from apps.realtime.teacher import Teacher, add_teacher_flag, modules_of, run_main

SIZES = ["640x480"]
HEAD = """\
| what | size | threads | ms a pair, median | least | peak memory, MB |
|---|---|---|---|---|---|"""
ROUNDS = 3  # that each row is repeated, at least, after one that warms up


class Case(NamedTuple):
    """A row of the table.

    Attributes:
        what: `teacher`, `student` or `int8`.
        precision: As of `--precision`, of the first two.
        teacher: Its name.
        weights: The student's, or its ONNX file.
        size: Width and height in pixels.
        threads: To compute with.
        seconds: To repeat it for, at least.
    """

    what: str
    precision: str
    teacher: str
    weights: Path
    size: tuple[int, int]
    threads: int
    seconds: float


def build_parser() -> Any:
    """Return the parser; call it in `modules_of`."""
    from utils.common.flags import FlagParser, positive_float, positive_int

    parser = FlagParser(
        prog="python -m apps.realtime.speed",
        description="Time a student beside its teacher, from uint8 to uint8, on the processor.",
    )
    group = parser.add_flag_group("what is timed")
    add_teacher_flag(group, DEFAULT_TEACHER)
    group.add_argument("--weights", type=Path, help="the student's, instead of those in weights/")
    group.add_argument("--int8", type=Path, help="also its file of run_export.py --int8")
    group.add_argument(
        "--no_teacher", action="store_true", help="do not time the teacher, which takes longest"
    )
    group.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH", help="in pixels")
    group.add_argument(
        "--threads", type=positive_int, nargs="+", default=[1, 2], help="numbers of threads"
    )
    group.add_argument(
        "--seconds", type=positive_float, default=5.0, help="repeat each row for so long"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table; each row is measured in a process of its own."""
    teacher = Teacher(named_teacher(argv))
    with modules_of(teacher.folder):
        args = build_parser().parse_args(argv)
        from utils.common.checkpoint import weights_file
        from utils.util_device import has_bfloat16, resolve_device

        weights = weights_file(args.weights or teacher.weights)
        bfloat16 = has_bfloat16(resolve_device("cpu"))
    print(HEAD)
    context = multiprocessing.get_context("spawn")
    for case in cases(args, weights, bfloat16):
        with ProcessPoolExecutor(1, context) as pool:
            milliseconds, least, peak = pool.submit(measure, case).result()
        name = case.what if case.what == "int8" else f"{case.what}, {case.precision}"
        size = "x".join(map(str, case.size))
        row = f"| {name} | {size} | {case.threads} | {milliseconds:.1f} | {least:.1f} | {peak} |"
        print(row, flush=True)


def cases(args: argparse.Namespace, weights: Path, bfloat16: bool) -> Iterator[Case]:
    """Yield the rows: the teacher first, then the student in every form."""
    forms = [] if args.no_teacher else [("teacher", "float32", weights)]
    forms += [("student", "float32", weights)]
    forms += [("student", "bfloat16", weights)] if bfloat16 else []
    forms += [("int8", "", args.int8)] if args.int8 else []
    for text in args.sizes:
        width, height = map(int, text.split("x"))
        for threads in args.threads:
            for what, precision, path in forms:
                yield Case(
                    what, precision, args.teacher, path, (width, height), threads, args.seconds
                )


def measure(case: Case) -> tuple[float, float, int]:
    """Return how long a pair takes, median and least in ms, and the process's peak memory in MB."""
    width, height = case.size
    noise = np.random.default_rng(0)
    pair = [noise.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(2)]
    fuse = _onnx(case) if case.what == "int8" else _torch(case)
    fuse(pair)
    seconds: list[float] = []
    while len(seconds) < ROUNDS or sum(seconds) < case.seconds:
        start = time.perf_counter()
        fuse(pair)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds), 1000 * min(seconds), _peak_memory()


def _torch(case: Case) -> Callable[[list[Any]], Any]:
    """Return the teacher's or the student's way of fusing."""
    import torch

    torch.set_num_threads(case.threads)
    options: dict[str, Any] = {"device": "cpu", "precision": case.precision}
    if case.what == "student":
        return hubconf.realtime(case.teacher, case.weights, **options).fuse
    entry: Callable[..., Any] = getattr(hubconf, case.teacher)
    return entry(**options).fuse


def _onnx(case: Case) -> Callable[[list[Any]], Any]:
    """Return what apps/onnx does with gray images, in short."""
    fuse_lumas = load_onnx(case.weights, case.threads)

    def fuse(pair: list[Any]) -> Any:
        fused = fuse_lumas([image * np.float32(1 / 255) for image in pair])
        return np.rint(fused.clip(0, 1) * 255).astype(np.uint8)

    return fuse


def _peak_memory() -> int:
    """Return the peak memory of this process in MB; 0 where the system does not say it."""
    try:
        import resource
    except ImportError:  # on Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


if __name__ == "__main__":
    run_main(main)
