# From common_code/base/utils/utils.py; edit it there, then tools/sync.py.
"""Errors, warnings and the exit status of a script."""

import argparse
import sys
from collections.abc import Callable


class InputError(ValueError):
    """What the user gave cannot be used; the message names it and the flag that mends it."""


def run_main(main: Callable[[argparse.Namespace], int | None], args: argparse.Namespace) -> None:
    """Run a script's `main`; bad input ends in one line on stderr and exit status 1.

    Programming errors keep their traceback; Ctrl-C exits with 130.
    """
    try:
        sys.exit(main(args))
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def warn(message: str, kind: str = "warning") -> None:
    """Print a warning or another kind of message on stderr, above any progress bar."""
    bars = sys.modules.get("tqdm")  # without it there is no bar; fusing arrays does not need it
    write = bars.tqdm.write if bars else print
    write(f"{kind}: {message}", file=sys.stderr)
