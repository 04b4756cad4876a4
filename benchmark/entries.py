"""What a comparison takes besides the methods found: commands, results that exist, quoted rows."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from benchmark.external import Command, check_command, find_results, named, named_command
from benchmark.fusing import RunRecord
from benchmark.image_sets import ImageSet
from benchmark.published import COLUMNS_HELP

GIVEN = RunRecord(None, None, "-", note="results that existed, not run")


def add_entry_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name other methods, their results and rows of papers."""
    group = parser.add_argument_group("other methods")
    group.add_argument(
        "--external",
        type=named_command,
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="fuse with this command too, which no shell runs. For each pair it names {ir} {vis} "
        "{output}, for each scene of exposures {sources} or {under} {over}, and {output}. It runs "
        "once for the set if it names {ir_dir} {vis_dir} {output_dir}, or {scene_dir} "
        "{output_dir}. {device} is --device. May be repeated",
    )
    group.add_argument(
        "--results",
        type=named_folder,
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="score the fused images in this folder too, named as their scenes or with a mark, as "
        "in 1_fused. May be repeated",
    )
    group.add_argument(
        "--published",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.csv",
        help=f"show these rows of a paper in the tables, marked as quoted: {COLUMNS_HELP}. May be "
        "repeated",
    )


def named_folder(text: str) -> tuple[str, Path]:
    """Parse NAME=FOLDER, where the name is to become that of a folder: see `named`."""
    name, folder = named(text)
    return name, Path(folder)


def check_names(args: argparse.Namespace, methods: Iterable[str]) -> None:
    """Raise a ValueError if two methods have one name, in any case.

    Raises:
        ValueError: A name is that of a method found, or is given twice.
    """
    taken = {name.casefold(): f"{name}, which is a method of the benchmark" for name in methods}
    given = [(name, "--external") for name, _ in args.external]
    given += [(name, "--results") for name, _ in args.results]
    for name, flag in given:
        if other := taken.get(name.casefold()):
            raise ValueError(f"{name} ({flag}) has the name of {other}; give it another")
        taken[name.casefold()] = f"{name} ({flag})"


def find_commands(args: argparse.Namespace, images: ImageSet) -> dict[str, Command]:
    """Return the commands by name.

    Raises:
        ValueError: A command does not fit the set.
    """
    for name, command in args.external:
        check_command(name, command, images)
    return dict(args.external)


def find_given(args: argparse.Namespace, images: ImageSet) -> dict[str, dict[str, Path]]:
    """Return the path of each result that exists, by method and scene.

    Raises:
        ValueError: A result is missing.
    """
    return {
        name: find_results(folder, f"--results {name}", images) for name, folder in args.results
    }
