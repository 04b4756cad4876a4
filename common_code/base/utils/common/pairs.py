# From common_code/base/utils/common/pairs.py; edit it there, then tools/sync.py.
"""Which files belong together, and what their result is called."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.image import SUFFIXES, list_images
from utils.common.names import LAYOUTS, find_sides, strip_mark
from utils.utils import InputError, warn

PAIR = ("vis", "ir")  # the first decides the depth
Roles = Sequence[str | None]  # `vis`, `ir`, or None where names carry no marks


@dataclass(frozen=True)
class FusionJob:
    """Registered sources, the first of which decides the depth, and where to write.

    `kind` is `pair` (visible and infrared), `exposures` or `images` (any that are registered).
    """

    sources: tuple[Path, ...]
    output: Path
    kind: str = "images"


@dataclass(frozen=True)
class DefaultSet:
    """A folder that is fused when no source is named, and where its results go.

    `kind` is `pair` (in a layout of `names`) or `exposures` (scenes, as `find_scenes` says).
    """

    folder: Path
    output: Path
    kind: str


def find_pairs(
    folders: Sequence[Path],
    flags: Sequence[str],
    allow_unmatched: bool | None = False,
    roles: Roles | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Return the files that belong together, by name of their result.

    Args:
        folders: Two or more folders, or as many single files, in the order of the result.
        flags: The flag that each was given with.
        allow_unmatched: Leave out what lacks a partner, with a warning, instead of raising; None
            where the user has no choice.
        roles: What each holds, which decides the marks that its names may carry.

    Raises:
        InputError: a file without partner, two files of one name, files mixed with folders, or
            an empty or absent folder.
    """
    roles = roles or [None] * len(folders)
    if all(folder.is_file() for folder in folders):
        return {strip_mark(folders[0].stem, roles[0]): tuple(folders)}
    if files := [str(folder) for folder in folders if folder.is_file()]:
        raise InputError(
            f"{files[0]} is a file and not all of {' '.join(flags)} are; give all alike"
        )
    sides = zip(folders, flags, roles, strict=True)
    found = [_by_name(list_images(folder, flag), flag, role) for folder, flag, role in sides]
    places = [f"{folder} ({flag})" for folder, flag in zip(folders, flags, strict=True)]
    return _match(found, places, allow_unmatched)


def pairs_in(
    folder: Path, flag: str, allow_unmatched: bool | None = None
) -> dict[str, tuple[Path, ...]]:
    """Return the visible and infrared images in a folder of any layout of `names`.

    Args:
        folder: Holds two folders of images, or the images themselves.
        flag: What named the folder, for messages.
        allow_unmatched: See `find_pairs`.

    Raises:
        InputError: another layout, or see `find_pairs`.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    sides = find_sides(folder)
    folders = [path for path in (*sides["vis"], *sides["ir"]) if path.is_dir()]
    if not (sides["vis"] and sides["ir"]):
        names = ", ".join(path.name for path in folders) or "no such folders or file names"
        raise InputError(
            f"cannot pair the images in {folder} ({flag}): found {names}; expected {LAYOUTS}"
        )
    if len(folders) > len(PAIR):
        twice = max((sides[role] for role in PAIR), key=len)
        both = ", ".join(map(str, twice))
        raise InputError(f"{both} ({flag}) are of one kind; give one of them")
    if folders:
        loose = [path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        if loose:
            warn(f"{folder}: left out {', '.join(sorted(loose))}, beside the folders of the pairs")
        return find_pairs(folders, [flag] * len(PAIR), allow_unmatched, PAIR)
    images = list_images(folder, flag)
    if unnamed := [f.name for f in images if f not in sides["vis"] and f not in sides["ir"]]:
        _leave_out(unnamed, images, f"{folder} ({flag})", allow_unmatched)
    found = [_by_name([f for f in images if f in sides[role]], flag, role) for role in PAIR]
    return _match(found, [f"{folder} ({flag})"] * len(PAIR), allow_unmatched)


def _by_name(files: Iterable[Path], flag: str, role: str | None) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in files:
        other = names.setdefault(strip_mark(path.stem, role), path)
        if other is not path:
            raise InputError(f"{other} and {path.name} ({flag}) have the same name for pairing")
    return names


def _match(
    sides: Sequence[dict[str, Path]], places: Sequence[str], allow_unmatched: bool | None
) -> dict[str, tuple[Path, ...]]:
    """Return the files that all sides have by name; `places` says where each side comes from."""
    common = set.intersection(*(set(names) for names in sides))
    for names, place in zip(sides, places, strict=True):
        if lonely := sorted(path.name for name, path in names.items() if name not in common):
            _leave_out(lonely, names, place, allow_unmatched)
    if not common:
        raise InputError(f"no image of {places[0]} has a partner in {places[1]}")
    return {name: tuple(names[name] for names in sides) for name in sorted(common)}


def _leave_out(
    lonely: Sequence[str], images: Collection[object], place: str, allow_unmatched: bool | None
) -> None:
    """Warn of images without partner, or raise unless the user allows them."""
    if allow_unmatched:
        warn(f"{place}: left out {', '.join(lonely)} without partner (--allow_unmatched)")
        return
    way = "" if allow_unmatched is None else ", and --allow_unmatched leaves these out"
    raise InputError(
        f"{len(lonely)} of {len(images)} images in {place} have no partner, {lonely[0]} first; "
        f"files pair by stem{way}"
    )


def find_scenes(folder: Path, flag: str = "--scene_dir") -> dict[str, tuple[Path, ...]]:
    """Return the exposures of each scene: of the folders in a folder, or of the folder itself.

    Raises:
        InputError: no folder, no scene, a scene with fewer than two exposures, or names that say
            that the images are infrared and visible.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    inside = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".")]
    inner = [f for f in inside if f.is_dir()]
    if inner and (images := [f.name for f in inside if f.suffix.lower() in SUFFIXES]):
        warn(f"{folder}: left out {', '.join(images)}, which no scene's folder holds")
    for place in (folder, *inner):
        _refuse_pairs(place, flag)
    scenes = {scene.name: tuple(list_images(scene, flag)) for scene in inner or [folder.resolve()]}
    for name, files in scenes.items():
        if len(files) < 2:
            raise InputError(
                f"scene {name} in {folder} ({flag}) has one exposure, {files[0].name}; "
                "at least two are needed"
            )
    return scenes


def _refuse_pairs(folder: Path, flag: str) -> None:
    """Refuse infrared and visible images in the place of exposures."""
    sides = find_sides(folder)
    named = [*sides["vis"][:1], *sides["ir"][:1]]
    if len(named) == len(PAIR) or any(path.is_dir() for path in named):
        raise InputError(
            f"{folder} ({flag}) seems to hold infrared and visible images, not exposures: it has "
            f"{' and '.join(path.name for path in named)}; exposures need other names"
        )


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
    for job in jobs:
        for place in (job.output, *job.output.parents):
            if place.is_symlink() and not place.exists():
                raise InputError(f"--output: {place} is a symbolic link to itself or to nothing")
    existing = [job.output for job in jobs if job.output.exists()]
    if existing and not overwrite:
        raise InputError(
            f"{existing[0]} exists ({len(existing)} of {len(jobs)} results); "
            "--overwrite replaces them, another --output keeps them"
        )
    sources = {source.resolve() for job in jobs for source in job.sources}
    for job in jobs:
        if job.output.resolve() in sources:
            raise InputError(f"--output {job.output} is one of the sources")
