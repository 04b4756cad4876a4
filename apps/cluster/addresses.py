"""Paths of this machine, and addresses of other file systems by fsspec and universal_pathlib."""

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

INSTALL = "pip install -r apps/cluster/requirements.txt"
_ADDRESS = re.compile(r"(?:.*/)?([a-z][a-z0-9+.-]*):/+(.*)")


class UsageError(ValueError):
    """What the user gave cannot be used; the message names it and the flag that mends it."""


def address(text: str | Path) -> Any:
    """Return a path, or for an address as `s3://bucket/folder` a `UPath`, which works like one.

    `Path` makes `s3:/bucket/folder` of an address, and `/here/s3:/bucket/folder` of one in a list
    that is relative to a folder; that is undone.

    Raises:
        UsageError: a package is missing that the file system needs.
    """
    if not (found := _ADDRESS.fullmatch(str(text))):
        return Path(text).absolute()
    protocol, rest = found.groups()
    if protocol == "file":
        return Path("/", rest)
    try:
        import fsspec
        from upath import UPath

        if protocol not in fsspec.available_protocols():
            return Path(text).absolute()
        path = UPath(f"{protocol}://{rest}")
        fsspec.get_filesystem_class(protocol)  # imports its package
    except ImportError as error:
        raise UsageError(f"{protocol}://{rest}: {error}; {INSTALL}, and its package") from error
    return path


def is_local(path: Any) -> bool:
    """Return True if a path is one of this machine's."""
    return isinstance(path, Path)


def images_in(folder: Any, flag: str, suffixes: Iterable[str]) -> list[Any]:
    """Return the images at an address by name, as `list_images` does for a path.

    Raises:
        UsageError: there is none; `flag` is the one to mend.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UsageError(f"no folder {folder} ({flag})") from error
    images = [name for name in names if name[0] != "." and name.lower().endswith(tuple(suffixes))]
    if not images:
        raise UsageError(f"no image in {folder} ({flag}), {len(names)} other files")
    return [folder / name for name in images]


def write_whole(path: Any, data: bytes) -> None:
    """Write a file at an address whole or not at all.

    An object store, whose file system is asynchronous, shows nothing before an upload has ended.
    Others get the file under another name, which is then changed.
    """
    if path.fs.async_impl:
        path.fs.pipe_file(path.path, data)
        return
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(data)
        path.fs.mv(temporary.path, path.path)
    finally:
        temporary.unlink(missing_ok=True)
