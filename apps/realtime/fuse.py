"""Fuse with a student: `python -m apps.realtime.fuse --teacher u2fusion --ir IR --vis VIS`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import hubconf
from apps.realtime.teacher import (
    HERE,
    InputError,
    Teacher,
    add_teacher_flag,
    modules_of,
    names,
    run_main,
)

DEFAULT_TEACHER = "u2fusion"
RESULTS = HERE / "fusion_result"
PATIENCE = 10.0  # seconds


def named_teacher(argv: Sequence[str] | None) -> str:
    """Return the method that `--teacher` names, whose flags are the others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--teacher", default=DEFAULT_TEACHER)
    named: str = parser.parse_known_args(argv)[0].teacher
    return named if named in names() else DEFAULT_TEACHER  # the whole parser refuses others


def build_parser(teacher: Teacher) -> Any:
    """Return the parser of the teacher's `run_fusion.py`, with the student's flags."""
    from utils.common.flags import natural_int, positive_float

    parser = teacher.script.build_parser()
    parser.prog = "python -m apps.realtime.fuse"
    parser.description = (
        "Fuse with a small network that gives a method's images at video rate. The flags are "
        f"those of {teacher.folder.name}/run_fusion.py."
    )
    student = parser.add_flag_group("student")
    add_teacher_flag(student, DEFAULT_TEACHER)
    student.add_argument(
        "--threads",
        type=natural_int,
        default=0,
        help="threads to compute with; 0 takes the fastest number by a short trial, or "
        "OMP_NUM_THREADS if it is set",
    )
    live = parser.add_flag_group("cameras")
    live.add_argument(
        "--camera",
        nargs=2,
        metavar=("IR", "VIS"),
        help="fuse two streams while they run: numbers of devices, files, pipes, or addresses that "
        "OpenCV opens",
    )
    live.add_argument("--window", action="store_true", help="show the fused frames; q closes it")
    live.add_argument(
        "--patience",
        type=positive_float,
        default=PATIENCE,
        help="seconds to wait for the next frame of a stream",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Fuse what the flags name and return the exit status."""
    teacher = Teacher(named_teacher(argv))
    with modules_of(teacher.folder):
        args = build_parser(teacher).parse_args(argv)
        if args.camera:
            from apps.realtime.cameras import check_flags

            if "pair" not in teacher.kinds:
                raise InputError(
                    f"--camera takes infrared and visible, which {teacher.name} does not"
                )
            check_flags(args)
            jobs = []
        elif args.window:
            raise InputError("--window shows the frames of --camera")
        else:
            jobs = find_jobs(teacher, args)
        return fuse(teacher, args, jobs)


def find_jobs(teacher: Teacher, args: argparse.Namespace) -> list[Any]:
    """Return what to fuse; the teacher's demo scenes if no source is named."""
    from utils.common import pairs

    demo = [replace(each, output=RESULTS) for each in teacher.demo[:1]]  # of the first kind
    return pairs.find_jobs(args, list(teacher.kinds.values()), [], demo, RESULTS)


def fuse(teacher: Teacher, args: argparse.Namespace, jobs: Sequence[Any]) -> int:
    """Fuse jobs, or the streams that `--camera` names."""
    from apps.realtime.threads import set_threads
    from utils.common.fusion_flags import fusion_options
    from utils.common.pipeline import fuse_files

    weights = args.weights or teacher.weights
    if not weights.exists():
        raise InputError(
            f"no student at {weights}; train one with python -m apps.realtime.distill --teacher "
            f"{teacher.name}, and name its best.safetensors with --weights"
        )
    student = hubconf.realtime(teacher.name, weights, **fusion_options(args))
    check_student(teacher, student, args, jobs)
    plain = {"weights": None, "device": "cpu", "precision": "float32"}
    of_teacher = argparse.Namespace(**{**vars(args), **plain})  # it is loaded for its readers only
    readers = teacher.script.load_fusion(of_teacher, jobs)[1]
    print(f"{student.weights} model loaded ({student.form}).")
    print(f"Threads: {set_threads(student, args.threads)}")
    if args.camera:
        from apps.realtime.cameras import fuse_cameras

        return fuse_cameras(student, args, readers["pair"])
    return fuse_files(student, jobs, args, readers)


def check_student(
    teacher: Teacher, student: Any, args: argparse.Namespace, jobs: Sequence[Any]
) -> None:
    """Refuse what the student has not learned.

    Raises:
        InputError: another teacher's weights, other settings of the teacher, or other sources.
    """
    about = student.about
    if about.get("teacher") != teacher.name:
        raise InputError(
            f"{student.weights} is {student.form}, not of {teacher.name}; --teacher names it"
        )
    parser = teacher.script.build_parser()
    for name in teacher.own_flags():
        wanted, learned = str(getattr(args, name)), about.get(f"teacher_{name}")
        if wanted not in (learned, str(parser.get_default(name))):
            raise InputError(
                f"the student has learned --{name} {learned}, not {wanted}; leave --{name} out, or "
                "train another student with --teacher_flags"
            )
    kinds = {job.kind for job in jobs} | ({"pair"} if args.camera else set())
    if other := kinds - {about.get("kind"), "images"}:
        raise InputError(
            f"the student has learned sources of the kind {about.get('kind')}, not {other.pop()}; "
            f"{teacher.folder.name}/run_fusion.py fuses these"
        )


if __name__ == "__main__":
    run_main(main)
