# Identical copy: see check_copies.py; edit the source, run --fix.
"""Which files belong together, and what their result is called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.util_image import SUFFIXES, list_images
from utils.utils import InputError, warn

# IR1, ir_a and 1ir, a_ir: a mark at either end of a stem, cut off by a separator or a digit.
MARKS = {
    "--ir": "ir|infrared|thermal|lwir|inf",
    "--vis": "vis|vi|visible|rgb",
}


@dataclass(frozen=True)
class FusionJob:
    """Registered sources, the first of which decides the depth, and where to write.

    `kind` is `pair` (visible and infrared), `exposures` or `images` (any that are registered).
    """

    sources: tuple[Path, ...]
    output: Path
    kind: str = "images"


def find_pairs(
    folders: Sequence[Path],
    flags: Sequence[str],
    allow_unmatched: bool | None = False,
    marks: Sequence[str] | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Return the files that belong together, by name of their result.

    Args:
        folders: Two or more folders, or as many single files, in the order of the result.
        flags: The flag that each was given with.
        allow_unmatched: Leave out what lacks a partner, with a warning, instead of raising; None
            where the user has no choice.
        marks: Which of `MARKS` the stems of each may carry; by default that of its flag, if any.

    Raises:
        InputError: a file without partner, two files of one name, files mixed with folders, or
            an empty or absent folder.
    """
    if all(folder.is_file() for folder in folders):
        return {strip_mark(folders[0].stem, (marks or flags)[0]): tuple(folders)}
    if files := [str(folder) for folder in folders if folder.is_file()]:
        raise InputError(
            f"{files[0]} is a file and not all of {' '.join(flags)} are; give all alike"
        )
    sides = zip(folders, flags, marks or flags, strict=True)
    found = [_by_name(folder, flag, mark) for folder, flag, mark in sides]
    common = set.intersection(*(set(names) for names in found))
    for names, flag, folder in zip(found, flags, folders, strict=True):
        lonely = sorted(path.name for name, path in names.items() if name not in common)
        if lonely and not allow_unmatched:
            way = "" if allow_unmatched is None else ", and --allow_unmatched leaves these out"
            raise InputError(
                f"{len(lonely)} of {len(names)} images in {folder} ({flag}) have no partner, "
                f"{lonely[0]} first; files pair by stem{way}"
            )
        if lonely:
            warn(f"{folder}: left out {', '.join(lonely)} without partner (--allow_unmatched)")
    if not common:
        raise InputError(f"no image of {folders[0]} has a partner in {folders[1]}")
    return {name: tuple(names[name] for names in found) for name in sorted(common)}


def pairs_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the visible and infrared images in `vis/` and `ir/` of a folder."""
    return find_pairs([folder / "vis", folder / "ir"], ["--vis", "--ir"])


def find_scenes(folder: Path, flag: str = "--scene_dir") -> dict[str, tuple[Path, ...]]:
    """Return the exposures of each scene: of the folders in a folder, or of the folder itself.

    Raises:
        InputError: no folder, no scene, or a scene with fewer than two exposures.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    inside = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".")]
    inner = [f for f in inside if f.is_dir()]
    if inner and (images := [f.name for f in inside if f.suffix.lower() in SUFFIXES]):
        warn(f"{folder}: left out {', '.join(images)}, which no scene's folder holds")
    scenes = {scene.name: tuple(list_images(scene, flag)) for scene in inner or [folder.resolve()]}
    for name, files in scenes.items():
        if len(files) < 2:
            raise InputError(
                f"scene {name} in {folder} ({flag}) has one exposure, {files[0].name}; "
                "at least two are needed"
            )
    return scenes


def strip_mark(stem: str, flag: str) -> str:
    """Return a stem without the mark of its modality: `VIS1`, `1_vis` and `1` give `1`."""
    marks = MARKS.get(flag)
    if marks is None:
        return stem
    start, end = rf"^(?:{marks})(?:[-_. ]+|(?=\d))", rf"(?:[-_. ]+|(?<=\d))(?:{marks})$"
    bare = re.sub(start, "", stem, flags=re.IGNORECASE)
    bare = bare if bare != stem else re.sub(end, "", stem, flags=re.IGNORECASE)
    return bare or stem


def _by_name(folder: Path, flag: str, mark: str) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in list_images(folder, flag):
        other = names.setdefault(strip_mark(path.stem, mark), path)
        if other is not path:
            raise InputError(f"{other} and {path.name} ({flag}) have the same name for pairing")
    return names


def plan_jobs(
    pairs: dict[str, tuple[Path, ...]], output: Path, overwrite: bool, kind: str = "images"
) -> list[FusionJob]:
    """Return what to fuse and where to write it.

    Args:
        pairs: From `find_pairs`.
        output: A file if its suffix is an image's and there is one pair, else a folder.
        overwrite: Existing results may be replaced.
        kind: Of the sources.

    Raises:
        InputError: results exist and may not be replaced, or would replace a source.
    """
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        if len(pairs) > 1:
            raise InputError(f"--output {output} is one file for {len(pairs)} pairs; give a folder")
        jobs = [FusionJob(sources, output, kind) for sources in pairs.values()]
    else:
        jobs = [FusionJob(sources, output / f"{name}.png", kind) for name, sources in pairs.items()]
    check_outputs(jobs, overwrite)
    return jobs


def check_outputs(jobs: Sequence[FusionJob], overwrite: bool) -> None:
    """Refuse results that may not be replaced, or would replace a source or one another.

    Raises:
        InputError: see above.
    """
    first: dict[Path, FusionJob] = {}
    for job in jobs:
        other = first.setdefault(job.output, job)
        if other is not job:
            raise InputError(
                f"{other.sources[0]} and {job.sources[0]} have the same result, {job.output}"
            )
    existing = [job.output for job in jobs if job.output.exists()]
    if existing and not overwrite:
        raise InputError(
            f"{existing[0]} exists ({len(existing)} of {len(jobs)} results); "
            "--overwrite replaces them, another --output keeps them"
        )
    for job in jobs:
        if any(job.output.resolve() == source.resolve() for source in job.sources):
            raise InputError(f"--output {job.output} is one of the sources")
