"""The settings of training, which `python scripts/config.py` prints: those of ../configs.py.

The scripts in this folder start the files above it, in the method's folder.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

METHOD = Path(__file__).resolve().parents[1]
PATHS = {  # the flags of each file that take paths, besides those that end so:
    "run_train.py": (),
    "run_fusion.py": (
        *("ir", "vis", "under", "over", "images", "pairs"),
        *("output", "weights", "register_to", "register_from"),
    ),
}
PATH_ENDINGS = ("_path", "_dir", "_weights")


def start(file: str, arguments: Sequence[str]) -> int:
    """Run one of the method's files and return its exit status."""
    return subprocess.call([sys.executable, file, *map_paths(file, arguments)], cwd=METHOD)


def map_paths(file: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a file, with the values of flags that take paths made absolute."""
    found = []
    takes_path = False
    for word in arguments:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            takes_path = name in PATHS[file] or name.endswith(PATH_ENDINGS)
            found.append(f"--{name}={_absolute(value)}" if takes_path and equals else word)
        else:
            found.append(_absolute(word) if takes_path else word)
    return found


def _absolute(path: str) -> str:
    """Return an absolute path, but the word `None`, which means no path, as it is."""
    return path if path == "None" else str(Path(path).absolute())


if __name__ == "__main__":
    sys.exit(start("run_train.py", ["--help", "all"]))
