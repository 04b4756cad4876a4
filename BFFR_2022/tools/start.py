"""Start the commands of `utils.util_tools` from any folder, for the scripts beside this file."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

METHOD = Path(__file__).resolve().parents[1]  # this script cannot import utils.HERE
WRITTEN = ("--work-dir", "--show-dir", "--output")  # folders that need not exist yet


def start(command: str, arguments: Sequence[str]) -> int:
    """Run a command of `utils.util_tools` in the method's folder and return its exit status."""
    words = [sys.executable, "-m", "utils.util_tools", command, *absolute(arguments)]
    return subprocess.call(words, cwd=METHOD)


def absolute(arguments: Sequence[str]) -> list[str]:
    """Return arguments with the paths among them made absolute."""
    found: list[str] = []
    for word in arguments:
        name, equals, value = word.partition("=")
        if found and found[-1] in WRITTEN:
            found.append(str(Path(word).absolute()))
        elif name in WRITTEN and equals:
            found.append(f"{name}={Path(value).absolute()}")
        else:
            is_path = not word.startswith("-") and Path(word).exists()
            found.append(str(Path(word).absolute()) if is_path else word)
    return found
