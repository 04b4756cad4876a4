# From common_code/base/utils/common/flags.py; edit it there, then tools/sync.py.
"""Command lines: a parser and kinds of flags."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class FlagParser(argparse.ArgumentParser):
    """A parser that takes whole names of flags only, and knows its groups of flags.

    `--help` shows the common groups, `--help all` the rare ones too.

    Attributes:
        groups: What `add_flag_group` returned, in this order.
    """

    def __init__(self, **options: Any) -> None:
        usage = "%(prog)s [FLAG ...]   (--help shows the flags)"
        super().__init__(allow_abbrev=False, add_help=False, usage=usage, **options)
        self.groups: list[FlagGroup] = []
        self.add_argument("-h", "--help", action=HelpFlag, help="show flags and exit")

    def add_flag_group(self, title: str, rare: bool = False) -> "FlagGroup":
        """Return a new group of flags, with a heading of its own in the help."""
        self.groups.append(FlagGroup(self, title, rare))
        return self.groups[-1]


class HelpFlag(argparse.Action):
    """`--help` and `--help all` of a `FlagParser`."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(
            option_strings,
            dest,
            nargs="?",
            metavar="all",
            choices=("all",),
            default=argparse.SUPPRESS,
            **options,
        )

    def __call__(  # noqa: D102
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(parser, FlagParser)
        rare = [group for group in parser.groups if group.rare and not values]
        for group in rare:
            group.hide()
        if rare:
            titles = ", ".join(group.title for group in rare)
            parser.epilog = f"--help all shows more: {titles}."
        parser.print_help()
        parser.exit()


class FlagGroup:
    """Flags under one heading.

    Attributes:
        title: The heading.
        rare: Shown by `--help all` only.
        actions: Its flags, in order.
    """

    def __init__(self, parser: argparse.ArgumentParser, title: str, rare: bool = False) -> None:
        self.title = title
        self.rare = rare
        self.actions: list[argparse.Action] = []
        self._group = parser.add_argument_group(title)

    def add_argument(self, *names: str, **options: Any) -> None:
        """Add a flag as `ArgumentParser.add_argument` does, and its default to the help.

        Switches that are off by default do not say so.
        """
        action = self._group.add_argument(*names, **options)
        if action.default is not None and action.default is not False:
            values = action.default if isinstance(action.default, list) else [action.default]
            shown = " ".join(map(str, values)).replace("%", "%%")
            action.help = f"{action.help} (default: {shown})"
        self.actions.append(action)

    def hide(self) -> None:
        """Leave its flags out of the help."""
        for action in self.actions:
            action.help = argparse.SUPPRESS


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
