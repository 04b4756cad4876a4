# From common_code/base/utils/common/shard.py; edit it there, then tools/sync.py.
"""A fixed, even part of many names, for one of several processes or machines: `--shard`."""

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")
VARIABLES = (  # which of how many this process is
    SLURM,
    ("RANK", "WORLD_SIZE"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
)


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count` parts, counted from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def take(self, names: Iterable[str]) -> list[str]:
        """Return this part of names: in sorted order every `count`-th, from the `number`-th on.

        The parts of equal names are disjoint, together they are all of the names, and their
        lengths differ by at most one.
        """
        return sorted(names)[self.number - 1 :: self.count]

    def name(self, path: Path) -> Path:
        """Return what this part's own file is called: `scores-2-of-8.csv` for `scores.csv`."""
        return path.with_name(f"{path.stem}-{self.number}-of-{self.count}{path.suffix}")


def shard(text: str) -> Shard:
    """Return the part that `I/N` names, or that the environment names for `env` (argparse type)."""
    if text == "env":
        return shard_of(os.environ)
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return Shard(int(number), int(count))
    raise argparse.ArgumentTypeError(f"{text}: say I/N, part I of N counted from 1, or env")


def shard_of(variables: Mapping[str, str]) -> Shard:
    """Return the part that variables of a scheduler name.

    Args:
        variables: One of the pairs in `VARIABLES`. An array of SLURM may begin anywhere and have
            a step; with `SLURM_ARRAY_TASK_MAX` it is checked to be without gaps.

    Raises:
        argparse.ArgumentTypeError: none or several of the pairs, or numbers that do not fit.
    """
    found = [names for names in VARIABLES if names[0] in variables]
    if len(found) != 1:
        known = ", ".join(f"{index} with {count}" for index, count in found or VARIABLES)
        problem = "several of these are" if found else "none of these is"
        raise argparse.ArgumentTypeError(f"env: {problem} set: {known}; say I/N")
    names = found[0]
    if names[1] not in variables:
        raise argparse.ArgumentTypeError(f"env: {names[0]} is set and {names[1]} is not; say I/N")
    shown = ", ".join(f"{name}={variables[name]}" for name in names)
    try:
        index, count = (int(variables[name]) for name in names)
        if names == SLURM:
            index = _position(index, count, variables)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"env: {shown}: {error}; say I/N") from error
    if not 0 <= index < count:
        raise argparse.ArgumentTypeError(f"env: {shown}: no such part; say I/N")
    return Shard(index + 1, count)


def _position(index: int, count: int, variables: Mapping[str, str]) -> int:
    """Return which of an array's tasks has this index, counted from 0.

    Raises:
        ValueError: the array's indices are not evenly spaced.
    """
    first = int(variables.get("SLURM_ARRAY_TASK_MIN", 0))
    step = int(variables.get("SLURM_ARRAY_TASK_STEP", 1))
    last = int(variables.get("SLURM_ARRAY_TASK_MAX", first + step * (count - 1)))
    if step < 1 or last != first + step * (count - 1) or (index - first) % step:
        raise ValueError(f"{count} tasks from {first} to {last} in steps of {step} leave gaps")
    return (index - first) // step
