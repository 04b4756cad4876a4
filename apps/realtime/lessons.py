"""What a student learns from: pairs of sources, and the teacher's results, which are made once."""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from apps.realtime.teacher import InputError, Teacher, modules_of, sha256

FULL = 65535  # of 16 bits
LOCAL_RADIUS = 40  # pixels: a teacher that sees further is taken to look at the whole image


class Lesson(NamedTuple):
    """A pair and the teacher's result.

    Attributes:
        name: The first source's file.
        planes: Luma of the two sources, in the teacher's order, of exposures the darker one first,
            and of the result: (3, H, W), uint16 of their full range.
    """

    name: str
    planes: NDArray[np.uint16]


class Taught(NamedTuple):
    """The lessons of a teacher.

    Attributes:
        lessons: One for each pair.
        about: What the student's weights will say of the teacher.
        looks_at_whole: True if its results need statistics of the whole image, or seem to.
    """

    lessons: list[Lesson]
    about: dict[str, str]
    looks_at_whole: bool


def learn_from(
    teacher: Teacher,
    data: Sequence[Path],
    kind: str | None,
    flags: str,
    root: Path,
    device: str,
) -> Taught:
    """Return a teacher's lessons; its results are kept, and made where they are missing.

    Results lie in a folder with the hash of the teacher's weights and settings in its name, and
    are called by the hash of their sources, so that neither order nor place of the sets matters.

    Args:
        teacher: The method.
        data: Sets of sources as the teacher's `run_fusion.py` pairs them, or lists for `--pairs`.
        kind: Which of the teacher's kinds of sources, None for the first.
        flags: Of the teacher's `run_fusion.py`.
        root: The folder of the folders of results.
        device: Where the teacher computes.

    Raises:
        InputError: sets that cannot be used, or results that the teacher cannot make.
    """
    kind = kind or next(iter(teacher.kinds))
    if kind not in teacher.kinds:
        known = ", ".join(teacher.kinds)
        raise InputError(f"{teacher.name} has no sources called {kind} (--kind); it has {known}")
    args = teacher.parse(flags)
    args.device = device
    with modules_of(teacher.folder):
        from utils.common.checkpoint import weights_file
        from utils.common.pipeline import fuse_files
        from utils.common.tiled_fusion import TiledFusion

        fusion, readers = teacher.script.load_fusion(args)
        weights = weights_file(fusion.weights)
        folder = root / teacher.key(args, weights)
        jobs = find_jobs(teacher, data, kind, folder, args)
        reader = _Deep(readers[kind])
        print(f"{fusion.weights} is the teacher; its results are kept in {folder}")
        if fuse_files(fusion, jobs, args, {kind: reader}):
            raise InputError("some of the teacher's results are missing, see above")
        lessons = [_read(reader, job, args) for job in tqdm(jobs, desc="Reading...", unit="pair")]
        own = {name: str(getattr(args, name)) for name in teacher.own_flags()}
        whole = type(fusion).tile_function is not TiledFusion.tile_function
        far = fusion.receptive_radius > LOCAL_RADIUS
    about = {
        "teacher": teacher.name,
        "teacher_weights_sha256": sha256(weights),
        "teacher_flags": flags,
        "kind": kind,
        **{f"teacher_{name}": value for name, value in own.items()},
    }
    return Taught(lessons, about, whole or far)


def find_jobs(
    teacher: Teacher, data: Sequence[Path], kind: str, folder: Path, args: argparse.Namespace
) -> list[Any]:
    """Return what to fuse, each pair of sources once; call it in `modules_of`.

    Args:
        teacher: The method.
        data: See `learn_from`; so is `kind`.
        kind: Of the sources.
        folder: Where results go, each under the hash of its sources.
        args: From `Teacher.parse`.

    Raises:
        InputError: scenes of more than two sources.
    """
    from utils.common.pair_list import read_lists
    from utils.common.pairs import plan_jobs

    source = teacher.kinds[kind]
    found: dict[Path, Any] = {}
    for place in data:
        if place.is_dir():
            pairs = source.find(place, "--data", args.allow_unmatched)
            jobs = plan_jobs(pairs, folder, True, kind)
        else:
            jobs = read_lists([place], [source], folder, folder)
        for job in jobs:
            if len(job.sources) != 2:
                raise InputError(f"{job.sources[0].parent} has {len(job.sources)} sources, not two")
            text = "".join(sha256(path) for path in job.sources)
            name = hashlib.sha256(text.encode()).hexdigest()[:32]
            output = folder / f"{name}.png"
            found.setdefault(output, replace(job, output=output))
    return list(found.values())


class _Deep:
    """A `Reader` that gives the first source 16 bits, so that the result has 16, too."""

    def __init__(self, reader: Any) -> None:
        self.reader = reader

    def __call__(self, job: Any, args: argparse.Namespace, notices: Any) -> list[Any]:
        first, second = self.reader(job, args, notices)
        deep = first.astype(np.uint16) * 257 if first.dtype == np.uint8 else first
        return [deep, second]


def _read(reader: _Deep, job: Any, args: argparse.Namespace) -> Lesson:
    """Return a pair and its result."""
    from utils.common.color import luma_of_array
    from utils.common.image import read_image
    from utils.common.sources import Notices
    from utils.common.values import to_unit

    images = [*reader(job, args, Notices(False)), read_image(job.output)]
    lumas = [np.rint(luma_of_array(to_unit(image)) * FULL) for image in images]
    if job.kind != "pair":
        lumas[:2] = sorted(lumas[:2], key=np.mean)
    return Lesson(str(job.sources[0]), np.stack(lumas).astype(np.uint16))
