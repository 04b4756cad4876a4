"""How near a student is to its teacher: `python -m apps.realtime.nearness --data SET ...`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_msssim import ssim

import hubconf
from apps.realtime.distill import RUNS
from apps.realtime.fuse import DEFAULT_TEACHER, named_teacher
from apps.realtime.lessons import FULL, Lesson, learn_from
from apps.realtime.onnx_file import load_onnx
from apps.realtime.teacher import InputError, Teacher, add_teacher_flag, modules_of, run_main

RINGS = 4  # of one pixel each, from the border inward
WORST = 6  # pairs of each set that are named
TIMES = 8  # that a difference is enlarged in a picture
HEAD = (
    "| set | pairs | result | PSNR, mean | worst | SSIM, mean | worst | "
    + "".join(f"ring {n} | " for n in range(RINGS))
    + "inside |\n|"
    + "---|" * (8 + RINGS)
)
Levels = NDArray[np.float32]
Fuse = Callable[[Sequence[Any]], Any]  # two images of 16 bits to one


class Nearness(NamedTuple):
    """What is apart in 8 bits.

    Attributes:
        psnr: In dB.
        ssim: Of the images as a whole.
        rings: Mean absolute difference in gray levels: in each ring from the border inward, and
            in all that is further inside.
    """

    psnr: float
    ssim: float
    rings: list[float]


def compare(found: Levels, wanted: Levels) -> Nearness:
    """Return how near two images of whole numbers from 0 to 255, (H, W), are."""
    apart = np.abs(found - wanted)
    mean_square = float(np.square(apart, dtype=np.float64).mean())
    psnr = 10 * np.log10(255**2 / mean_square) if mean_square else np.inf
    pair = [torch.from_numpy(image)[None, None] for image in (found, wanted)]
    like = float(ssim(*pair, data_range=255))
    rings = []
    for depth in range(RINGS + 1):
        inner = apart[depth : apart.shape[0] - depth, depth : apart.shape[1] - depth]
        edges = (inner[0], inner[-1], inner[1:-1, 0], inner[1:-1, -1])
        rings.append(float(np.concatenate(edges).mean() if depth < RINGS else inner.mean()))
    return Nearness(psnr, like, rings)


def build_parser() -> Any:
    """Return the parser; call it in `modules_of`."""
    from utils.common.flags import FlagParser, positive_int

    parser = FlagParser(
        prog="python -m apps.realtime.nearness",
        description="Print how near a student is to its teacher, as a Markdown table.",
    )
    group = parser.add_flag_group("student")
    add_teacher_flag(group, DEFAULT_TEACHER)
    group.add_argument("--weights", type=Path, help="the student's, instead of those in weights/")
    group.add_argument(
        "--data", type=Path, nargs="+", required=True, help="sets or lists, as of distill.py"
    )
    group.add_argument(
        "--onnx", type=Path, help="also measure this file of run_export.py, whose student it is"
    )
    group.add_argument(
        "--runs", type=Path, default=RUNS, help="folder with the teacher's results in targets/"
    )
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    group.add_argument(
        "--worst", type=positive_int, default=WORST, help="name this many pairs of each set"
    )
    group.add_argument(
        "--picture",
        type=Path,
        help="draw these pairs, one below the other: teacher, student, and eight times the "
        "difference",
    )
    group.add_argument("--overwrite", action="store_true", help="replace an existing picture")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and the worst pairs of each set."""
    teacher = Teacher(named_teacher(argv))
    with modules_of(teacher.folder):
        args: argparse.Namespace = build_parser().parse_args(argv)
        student = hubconf.realtime(
            teacher.name, args.weights or teacher.weights, device=args.device
        )
        other = load_onnx(args.onnx) if args.onnx else None
    if args.picture and args.picture.exists() and not args.overwrite:
        raise InputError(f"{args.picture} exists; --overwrite replaces it")
    rows, worst, strips = [], [], []
    for place in args.data:
        taught = learn_from(
            teacher,
            [place],
            student.about["kind"],
            student.about["teacher_flags"],
            args.runs / "targets",
            args.device,
        )
        near = [compare(*_levels(lesson, student.fuse)) for lesson in taught.lessons]
        rows.append(_row(place, "student", near))
        if other:
            exported = [compare(*_levels(lesson, _deep(other))) for lesson in taught.lessons]
            rows.append(_row(place, args.onnx.name, exported))
        average = [compare(*_levels(lesson, _average)) for lesson in taught.lessons]
        rows.append(_row(place, "average", average))
        ordered = sorted(zip(near, taught.lessons, strict=True), key=lambda pair: pair[0].psnr)
        for each, lesson in ordered[: args.worst]:
            worst.append(f"{each.psnr:.2f} dB {lesson.name}")
            strips.append(_strip(*_levels(lesson, student.fuse)))
    print("\n".join([HEAD, *rows, "", *worst]))
    if args.picture:
        with modules_of(teacher.folder):
            from utils.common.image import write_image

            write_image(args.picture, _stack(strips))


def _average(pair: Sequence[Any]) -> Any:
    return (pair[0].astype(np.float32) + pair[1]) / 2


def _deep(fuse_lumas: Callable[[Sequence[Any]], Any]) -> Fuse:
    """Return what fuses images of 16 bits, of what fuses lumas in [0, 1]."""

    def fuse(pair: Sequence[Any]) -> Any:
        lumas = [image.astype(np.float32) / np.float32(FULL) for image in pair]
        return fuse_lumas(lumas).clip(0, 1) * np.float32(FULL)

    return fuse


def _levels(lesson: Lesson, fuse: Fuse) -> tuple[Levels, Levels]:
    """Return a result and the teacher's, in whole levels of 255."""
    first, second, wanted = lesson.planes
    found = fuse([first, second])
    return np.rint(found / np.float32(257)), np.rint(wanted / np.float32(257))


def _strip(found: Levels, wanted: Levels) -> Levels:
    """Return a row of a picture: teacher, student, and what is apart."""
    return np.hstack([wanted, found, TIMES * np.abs(found - wanted)])


def _stack(strips: Sequence[Levels]) -> NDArray[np.uint8]:
    """Return rows of a picture below each other, narrow ones with black on their right."""
    width = max(strip.shape[1] for strip in strips)
    full = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]))) for strip in strips]
    return np.vstack(full).clip(0, 255).astype(np.uint8)


def _row(place: Path, result: str, near: Sequence[Nearness]) -> str:
    psnr, like = [each.psnr for each in near], [each.ssim for each in near]
    rings = np.mean([each.rings for each in near], axis=0)
    cells = [f"{np.mean(psnr):.2f}", f"{min(psnr):.2f}", f"{np.mean(like):.4f}", f"{min(like):.4f}"]
    cells += [f"{ring:.2f}" for ring in rings]
    return f"| {place.name} | {len(near)} | {result} | {' | '.join(cells)} |"


if __name__ == "__main__":
    run_main(main)
