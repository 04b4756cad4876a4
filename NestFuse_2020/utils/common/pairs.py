# From common_code/base/utils/common/pairs.py; edit it there, then tools/sync.py.
"""Which files are fused together, and where their result goes."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from utils.common.listing import SUFFIXES, list_images
from utils.common.names import strip_mark
from utils.common.shard import Shard
from utils.common.video_paths import check_flags, check_output, check_sources, is_video
from utils.utils import InputError, warn

Found = dict[str, tuple[Path, ...]]  # the files that belong together, by name of their result


class UnmatchedError(InputError):
    """Some images have no partner."""


@dataclass(frozen=True)
class SourceKind:
    """A kind of images that are fused with each other, and how the command line names them.

    Attributes:
        name: `pair` (visible and infrared) or `exposures`.
        flags: Two flags, each of which names an image or a folder. The first decides the depth.
        find: Finds what a single folder holds. Its arguments are the folder, what named it (for
            messages), and whether to skip images without a partner.
        set_flag: The flag that names such a folder, None if there is none.
        roles: What the names of the files say, see `find_pairs`.
    """

    name: str
    flags: tuple[str, str]
    find: Callable[[Path, str, bool], Found]
    set_flag: str | None = None
    roles: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, slots=True)
class FusionJob:
    """Registered sources, of which the first decides the depth, and where to write their result.

    `kind` is `pair`, `exposures` or `images` (any that are registered).
    """

    sources: tuple[Path, ...]
    output: Path
    kind: str = "images"


@dataclass(frozen=True)
class DefaultSet:
    """A folder that is fused when the command line names no source, and where its results go."""

    kind: SourceKind
    folder: Path
    output: Path


def find_jobs(
    args: argparse.Namespace,
    kinds: Sequence[SourceKind],
    own: Sequence[DefaultSet],
    demo: Sequence[DefaultSet],
    output: Path,
) -> list[FusionJob]:
    """Return what the command line asks for: with `--shard` that part of it, by name.

    Args:
        args: Parsed flags of `add_fusion_flags` and of the kinds.
        kinds: What the method fuses.
        own: Fused if the command line names no source, those of them that hold files.
        demo: Fused if `own` holds no files either.
        output: Where results go without `--output`. They may be replaced there.

    Raises:
        InputError: sources that do not fit together, or results that may not be replaced.
    """
    if args.overwrite and args.skip_existing:
        raise InputError("--overwrite replaces results and --skip_existing keeps them; give one")
    flags = [flag for kind in kinds for flag in (*kind.flags, kind.set_flag) if flag]
    given = [flag for flag in (*flags, "images", "pairs") if getattr(args, flag) is not None]
    allowed = args.overwrite or args.skip_existing  # results that exist
    default = allowed or args.output is None
    jobs = []
    try:
        if given == ["pairs"]:
            from utils.common.pair_list import read_lists

            jobs = read_lists(args.pairs, kinds, args.output, output, args.shard)
            default = allowed
        elif given:
            kind, found = _find_given(args, kinds, given)
            jobs = plan_jobs(found, args.output or output, default, kind, args.shard)
        else:
            for each in [one for one in own if non_empty(one.folder)] or _announce(demo, own):
                found = each.kind.find(each.folder, "fused by default", args.allow_unmatched)
                place = args.output or each.output
                jobs += plan_jobs(found, place, default, each.kind.name, args.shard)
    except UnmatchedError as error:
        raise InputError(f"{error}; --allow_unmatched skips these") from error
    check_flags(args, jobs)
    check_outputs(jobs, default)  # also across sets: two of them must not write the same file
    return jobs


def _announce(demo: Sequence[DefaultSet], own: Sequence[DefaultSet]) -> Sequence[DefaultSet]:
    """Say that the demo images are fused and how to name others, and return them."""
    folders = " and ".join(str(each.folder) for each in demo)
    flags = " or ".join(f"--{a} and --{b}" for a, b in (each.kind.flags for each in demo))
    places = "".join(f", or put them into {each.folder}" for each in own[:1])
    warn(f"fusing the demo images in {folders}; name your own with {flags}{places}", "note")
    return demo


def _find_given(
    args: argparse.Namespace, kinds: Sequence[SourceKind], given: Sequence[str]
) -> tuple[str, Found]:
    """Return the kind of the sources that flags name, and the sources."""
    if given == ["images"]:
        if len(args.images) < 2:
            raise InputError("--images takes two or more paths")
        flags = ["--images"] * len(args.images)
        return "images", find_pairs(args.images, flags, args.allow_unmatched)
    for kind in kinds:
        if given == [kind.set_flag]:
            folder = getattr(args, given[0])
            return kind.name, kind.find(folder, f"--{given[0]}", args.allow_unmatched)
        if set(given) == set(kind.flags):
            folders = [getattr(args, flag) for flag in kind.flags]
            flags = [f"--{flag}" for flag in kind.flags]
            return kind.name, find_pairs(folders, flags, args.allow_unmatched, kind.roles)
        if len(given) == 1 and given[0] in kind.flags:
            missing = kind.flags[1 - kind.flags.index(given[0])]
            first, second = kind.flags
            raise InputError(f"--{missing} is missing; give both --{first} and --{second}")
    named = " and ".join(f"--{flag}" for flag in given)
    raise InputError(f"{named} do not go together; name the sources in one way")


def non_empty(folder: Path) -> bool:
    """Return True if a folder contains a file, at any depth."""
    return any(path.is_file() for path in folder.rglob("*"))


def find_pairs(
    folders: Sequence[Path],
    flags: Sequence[str],
    allow_unmatched: bool = False,
    roles: Sequence[str | None] | None = None,
) -> Found:
    """Return the files that belong together, by name of their result.

    Args:
        folders: Two or more folders, or as many images or videos, in the order of the result.
        flags: What named each of them, for messages.
        allow_unmatched: Skip images without a partner, with a warning, instead of raising.
        roles: `vis` or `ir` for each, whose marks in names do not count; None without marks.

    Raises:
        UnmatchedError: an image has no partner.
        InputError: two files have one name, files are mixed with folders, or a folder is empty or
            absent.
    """
    roles = roles or [None] * len(folders)
    if any(is_video(folder) for folder in folders):
        check_sources(folders, flags)
    if all(folder.is_file() for folder in folders):
        return {strip_mark(folders[0].stem, roles[0]): tuple(folders)}
    if files := [str(folder) for folder in folders if folder.is_file()]:
        raise InputError(
            f"{files[0]} is a file and not all of {' '.join(flags)} are; give all alike"
        )
    sides = [list_images(folder, flag) for folder, flag in zip(folders, flags, strict=True)]
    places = [f"{folder} ({flag})" for folder, flag in zip(folders, flags, strict=True)]
    return match(sides, places, roles, allow_unmatched)


def match(
    sides: Sequence[Iterable[Path]],
    places: Sequence[str],
    roles: Sequence[str | None],
    allow_unmatched: bool = False,
) -> Found:
    """Return the files that all sides have by name.

    Args:
        sides: Images of each side.
        places: Where each side comes from, for messages.
        roles: See `find_pairs`; so is `allow_unmatched`.
        allow_unmatched: Skip images without a partner.

    Raises:
        InputError: as `find_pairs` does.
    """
    named: list[dict[str, Path]] = []
    for files, place, role in zip(sides, places, roles, strict=True):
        names: dict[str, Path] = {}
        for path in files:
            other = names.setdefault(strip_mark(path.stem, role), path)
            if other is not path:
                raise InputError(
                    f"{other} and {path.name} in {place} have the same name for pairing"
                )
        named.append(names)
    common = set.intersection(*(set(names) for names in named))
    for names, place in zip(named, places, strict=True):
        lonely = sorted(path.name for name, path in names.items() if name not in common)
        skip_lonely(lonely, len(names), place, allow_unmatched)
    if not common:
        raise InputError(f"no image of {places[0]} has a partner in {places[1]}")
    return {name: tuple(names[name] for names in named) for name in sorted(common)}


def skip_lonely(lonely: Sequence[str], count: int, place: str, allow_unmatched: bool) -> None:
    """Warn of images without a partner, or raise `UnmatchedError` unless they are allowed."""
    if lonely and allow_unmatched:
        warn(f"{place}: left out {', '.join(lonely)} without partner (--allow_unmatched)")
    elif lonely:
        raise UnmatchedError(
            f"{len(lonely)} of {count} images in {place} have no partner, {lonely[0]} first; "
            "files pair by stem"
        )


def plan_jobs(
    pairs: Found,
    output: Path,
    overwrite: bool,
    kind: str = "images",
    shard: Shard | None = None,
) -> list[FusionJob]:
    """Return what to fuse and where to write it.

    Args:
        pairs: From `find_pairs`.
        output: A file if its suffix is an image's or a video's and there is one pair, else a
            folder.
        overwrite: Existing results are no error.
        kind: Of the sources.
        shard: Which part of the pairs is wanted, None for all.

    Raises:
        InputError: results exist and may not be replaced, or would replace a source; a video from
            images, or images from a video.
    """
    for sources in pairs.values():
        check_output(output, sources)
    if is_video(output) or (output.suffix.lower() in SUFFIXES and not output.is_dir()):
        if len(pairs) > 1:
            raise InputError(f"--output {output} is one file for {len(pairs)} pairs; give a folder")
        jobs = [FusionJob(sources, output, kind) for sources in pairs.values()]
    else:
        names = shard.take(pairs) if shard else pairs
        jobs = [FusionJob(pairs[name], output / f"{name}.png", kind) for name in names]
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
    folders = {job.output.parent for job in jobs}
    above = {place for folder in folders for place in (folder, *folder.parents)}
    for place in chain(above, first):
        if place.is_symlink() and not place.exists():
            raise InputError(f"--output: {place} is a symbolic link to itself or to nothing")
    existing = {path.resolve(): path for path in first if path.exists()}
    if existing and not overwrite:
        raise InputError(
            f"{next(iter(existing.values()))} exists ({len(existing)} of {len(jobs)} results); "
            "--overwrite replaces them, --skip_existing keeps them and makes the others, another "
            "--output keeps them"
        )
    if existing:
        sources = (source.resolve() for job in jobs for source in job.sources)
        if taken := next((existing[path] for path in sources if path in existing), None):
            raise InputError(f"--output {taken} is one of the sources")
