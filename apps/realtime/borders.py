"""Copies of pairs with black borders, to train on: `python -m apps.realtime.borders --data SET`.

An image that was registered by a warp is black where the warp found nothing, usually one to three
pixels along some sides. A teacher gives such borders values that no other pixels have, and sets
without them cannot teach these.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.realtime.fuse import DEFAULT_TEACHER, named_teacher
from apps.realtime.lessons import find_jobs
from apps.realtime.teacher import InputError, Teacher, add_teacher_flag, modules_of, run_main

WIDTHS = 0.5, 3.0  # pixels, least and greatest


def blacken(image: NDArray[Any], widths: Sequence[float]) -> NDArray[Any]:
    """Return an image with black borders, as an interpolating warp leaves them.

    Args:
        image: (H, W) or (H, W, 3).
        widths: At the top, bottom, left and right, in pixels. The part of a pixel that a border
            covers is what the pixel loses of its value.
    """
    shape = image.shape[:2]
    factors = []
    for side, start, end in zip(shape, widths[::2], widths[1::2], strict=True):
        position = np.arange(side)
        inward = np.minimum(position + 1 - start, side - position - end)
        factors.append(np.clip(inward, 0, 1))
    factor = np.outer(*factors)
    dark = image * (factor if image.ndim == 2 else factor[..., None])
    return np.asarray(np.rint(dark)).astype(image.dtype)


def random_widths(rng: random.Random) -> list[float]:
    """Return the widths of black borders of at least one side; each has one with probability 2/3.

    Args:
        rng: Decides them.
    """
    while not any(widths := [rng.uniform(*WIDTHS) * (rng.random() < 2 / 3) for _ in range(4)]):
        pass
    return widths


def build_parser() -> Any:
    """Return the parser; call it in `modules_of`."""
    from utils.common.flags import FlagParser, natural_int, positive_int

    parser = FlagParser(
        prog="python -m apps.realtime.borders",
        description="Write copies of pairs in which one image has black borders, and a list of "
        "them for distill.py.",
    )
    group = parser.add_flag_group("pairs")
    add_teacher_flag(group, DEFAULT_TEACHER)
    group.add_argument(
        "--data", type=Path, nargs="+", required=True, help="sets or lists, as of distill.py"
    )
    group.add_argument(
        "--output", type=Path, required=True, help="folder of the copies and of pairs.csv"
    )
    group.add_argument(
        "--count", type=positive_int, default=80, help="copy at most this many, chosen by --seed"
    )
    group.add_argument("--seed", type=natural_int, default=0, help="decides pairs and borders")
    group.add_argument("--overwrite", action="store_true", help="replace pairs of an earlier run")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the copies and their list."""
    teacher = Teacher(named_teacher(argv))
    with modules_of(teacher.folder):
        args = build_parser().parse_args(argv)
        write_copies(teacher, args)


def write_copies(teacher: Teacher, args: argparse.Namespace) -> None:
    """Write what the flags name; call it in `modules_of`.

    Raises:
        InputError: sets that cannot be used, or a folder that holds something.
    """
    from utils.common.files import write_atomically
    from utils.common.image import read_image, write_image

    if args.output.exists() and any(args.output.iterdir()) and not args.overwrite:
        raise InputError(
            f"{args.output} is not empty; --overwrite replaces its pairs and their list"
        )
    kind = next(iter(teacher.kinds))
    roles = teacher.kinds[kind].flags
    jobs = find_jobs(teacher, args.data, kind, Path(), teacher.parse(""))
    rng = random.Random(args.seed)
    chosen = rng.sample(sorted(jobs, key=lambda job: job.output), min(args.count, len(jobs)))
    for role in roles:
        (args.output / role).mkdir(parents=True, exist_ok=True)
    rows = [",".join(roles)]
    for number, job in enumerate(chosen):
        blackened = rng.randrange(2)
        names = []
        for index, (role, path) in enumerate(zip(roles, job.sources, strict=True)):
            image = read_image(path)
            if index == blackened:
                image = blacken(image, random_widths(rng))
            names.append(f"{role}/{number:03d}.png")
            write_image(args.output / names[-1], image)
        rows.append(",".join(names))
    table = args.output / "pairs.csv"
    text = "\n".join([*rows, ""]).encode()
    write_atomically(table, lambda file: file.write(text))
    print(f"{table}: {len(chosen)} pairs")


if __name__ == "__main__":
    run_main(main)
