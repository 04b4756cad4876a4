"""The training arguments: those of ../configs.py, which `python run_scripts/argument.py` prints.

For scripts in this folder, which start ../run_train.py in its own folder.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

METHOD = Path(__file__).resolve().parents[1]
PATHS = ("--image_path", "--resume_path")


def train(arguments: Sequence[str]) -> int:
    """Run `run_train.py` in the method's folder and return its exit status."""
    return subprocess.call([sys.executable, "run_train.py", *resolve(arguments)], cwd=METHOD)


def resolve(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the values of `PATHS` made absolute."""
    resolved = []
    of_path = False
    for word in arguments:
        flag, equals, value = word.partition("=")
        if word.startswith("--"):
            of_path = flag in PATHS
            resolved.append(f"{flag}={_absolute(value)}" if of_path and equals else word)
        else:
            resolved.append(_absolute(word) if of_path else word)
    return resolved


def _absolute(path: str) -> str:
    return path if path == "None" else str(Path(path).absolute())  # --resume_path None


if __name__ == "__main__":
    sys.exit(train(["--help"]))
