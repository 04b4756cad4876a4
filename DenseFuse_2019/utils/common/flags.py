# From common_code/base/utils/common/flags.py; edit it there, then tools/sync.py.
"""Command lines: a parser and kinds of flags."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class FlagParser(argparse.ArgumentParser):
    """A parser that takes whole names of flags only, and knows its groups of flags.

    Attributes:
        groups: What `add_flag_group` returned, in this order.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.groups: list[FlagGroup] = []

    def add_flag_group(self, title: str) -> "FlagGroup":
        """Return a new group of flags, with a heading of its own in the help."""
        self.groups.append(FlagGroup(self, title))
        return self.groups[-1]


class FlagGroup:
    """Flags under one heading.

    Attributes:
        title: The heading.
        actions: Its flags, in order.
    """

    def __init__(self, parser: argparse.ArgumentParser, title: str) -> None:
        self.title = title
        self.actions: list[argparse.Action] = []
        self._group = parser.add_argument_group(title)

    def add_argument(self, *names: str, **options: Any) -> None:
        """Add a flag as `ArgumentParser.add_argument` does, and its default to the help."""
        action = self._group.add_argument(*names, **options)
        if action.default is not None:
            values = action.default if isinstance(action.default, list) else [action.default]
            shown = " ".join(map(str, values)).replace("%", "%%")
            action.help = f"{action.help} (default: {shown})"
        self.actions.append(action)


class BooleanFlag(argparse.Action):
    """A switch: `--x` and `--x True` turn it on, `--no-x` and `--x False` turn it off.

    `opposite` is another flag that turns it off, as `--gray` does for `--color`.
    """

    def __init__(
        self, option_strings: Sequence[str], dest: str, opposite: str | None = None, **options: Any
    ) -> None:
        self.turns_off = [f"--no-{name[2:]}" for name in option_strings]
        self.turns_off += [opposite] if opposite else []
        names = [*option_strings, *self.turns_off]
        super().__init__(names, dest, nargs="?", metavar="BOOL", **options)

    def __call__(  # noqa: D102
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        words = {None: True, "True": True, "False": False}
        if values not in words or (values and str(option_string).startswith("--no-")):
            parser.error(f"{option_string} {values}: say {self.option_strings[0]} True or False")
        setattr(namespace, self.dest, words[values] != (option_string in self.turns_off))


def optional_path(text: str) -> Path | None:
    """Return a path, or None for the word `None`, as banners print it (an argparse type)."""
    return None if text == "None" else Path(text)


def positive_int(text: str) -> int:
    """Return a whole number of at least 1 (an argparse type)."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def natural_int(text: str) -> int:
    """Return a whole number of at least 0 (an argparse type)."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def positive_float(text: str) -> float:
    """Return a finite number above 0 (an argparse type)."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def natural_float(text: str) -> float:
    """Return a finite number of at least 0 (an argparse type)."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number of at least 0")
    return value


def fraction(text: str) -> float:
    """Return a share in [0, 1) (an argparse type)."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not in [0, 1)")
    return value
