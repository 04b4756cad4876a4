# From common_code/base/utils/common/flags.py; edit it there, then tools/sync.py.
"""Command lines: a parser and kinds of flags."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show the defaults that there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None:
            return action.help
        if isinstance(action.default, list):
            shown = " ".join(map(str, action.default)).replace("%", "%%")
            return f"{action.help} (default: {shown})"
        return super()._get_help_string(action)


class FlagParser(argparse.ArgumentParser):
    """A parser that shows defaults and takes `--a-b` for `--a_b`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=_HelpFormatter, allow_abbrev=False, **kwargs)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does; hyphens in a flag's name may stand for underscores."""
        argv = [self._canonical(word) for word in (sys.argv[1:] if args is None else args)]
        return super().parse_known_args(argv, namespace)

    def _canonical(self, word: str) -> str:
        name, equals, value = word.partition("=")
        known = {option.replace("-", "_"): option for option in self._option_string_actions}
        use = name.startswith("--") and name not in self._option_string_actions
        renamed = known.get(name.replace("-", "_"), name)
        return (renamed if use else name) + equals + value


class BooleanFlag(argparse.Action):
    """A switch that means what it says: `--x`, `--no-x`, `--x True`, `--x False`.

    `opposite` names a flag that says the contrary, as `--gray` does of `--color`.
    """

    def __init__(
        self, option_strings: Sequence[str], dest: str, opposite: str | None = None, **kwargs: Any
    ) -> None:
        self.contrary = {f"--no-{name[2:]}" for name in option_strings}
        names = [*option_strings, *sorted(self.contrary), *([opposite] if opposite else [])]
        self.contrary |= {opposite} if opposite else set()
        super().__init__(names, dest, nargs="?", metavar="BOOL", **kwargs)

    def __call__(  # noqa: D102
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        words = {None: True, "true": True, "false": False}
        value = words.get(values.lower() if isinstance(values, str) else values)
        no = str(option_string).startswith("--no-")
        if value is None or (no and values is not None):
            parser.error(f"{option_string} {values}: say {self.option_strings[0]} True or False")
        setattr(namespace, self.dest, value != (option_string in self.contrary))


class TypedInt(argparse.Action):
    """An integer whose default is only an upper bound: `<dest>_typed` tells if it was given."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, dest, type=positive_int, **kwargs)

    def __call__(  # noqa: D102
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        setattr(namespace, f"{self.dest}_typed", True)


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
