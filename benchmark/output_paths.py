"""Check that results can be written, before any work is done."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal


def check_writable(path: Path, kind: Literal["file", "folder"], flag: str = "--output") -> None:
    """Raise a ValueError that names path and flag if no such file or folder can be written there.

    Args:
        path: Where the results go. It need not exist.
        kind: What it is, or is to become.
        flag: Command line flag that gave the path, for error messages.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{path} ({flag}) is a loop of symbolic links") from error
    if path.exists() and path.is_dir() != (kind == "folder"):
        found = "file" if kind == "folder" else "folder"
        raise ValueError(f"{path} ({flag}) is a {found}; expected a {kind}")
    folder = path if kind == "folder" else path.parent
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not place.is_dir():
        raise ValueError(f"{path} ({flag}) cannot be written: {place} is a file")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ValueError(f"{path} ({flag}) cannot be written: no permission to write to {place}")


def check_no_input(paths: Iterable[Path], inputs: Iterable[Path], flag: str = "--output") -> None:
    """Raise a ValueError if a result would replace an input image, directly or through a link."""
    read = {os.path.realpath(path): path for path in inputs}
    for path in paths:
        if taken := read.get(os.path.realpath(path)):
            raise ValueError(f"{path} ({flag}) would replace {taken}, which is an input")
