# From common_code/base/utils/common/files.py; edit it there, then tools/sync.py.
"""Write files whole or not at all, and clear away what a killed process left."""

import errno
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows, where an open file cannot be deleted anyway
    fcntl = None  # type: ignore[assignment]

LEFTOVER = re.compile(r"\.(.+)\.\d+\.tmp(\.\w+)?")  # the names of `new_file`
NO_HARD_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)


def write_atomically(
    path: Path, write: Callable[[IO[bytes]], object], replace: bool = True
) -> None:
    """Let `write` fill a file beside `path`, then put it in its place.

    Args:
        path: The file to make.
        write: Is given the open file.
        replace: Whether a file that is there by then may be replaced.

    Raises:
        FileExistsError: `path` exists and `replace` is false.
        OSError: the disk is full or the folder cannot be written; the message names the file,
            and an earlier file of that name is untouched.
    """
    try:
        with new_file(path, replace) as file:
            write(file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        reason = getattr(error, "strerror", None) or f"disk full? {str(error).splitlines()[0]}"
        number = getattr(error, "errno", None) or errno.EIO
        raise OSError(number, f"cannot write, no file was changed: {reason}", str(path)) from error


def is_complete(path: Path) -> bool:
    """Return True if a result is there: it is put in its place whole, so there are no halves."""
    return path.is_file()


@contextmanager
def new_file(path: Path, replace: bool = True, suffix: str = "") -> Iterator[IO[bytes]]:
    """Give an open file beside `path`, which takes its place if all goes well, else is deleted.

    Args:
        path: The file to make.
        replace: Whether a file that is there by then may be replaced.
        suffix: Of the temporary name, for libraries that tell a format by the suffix and open the
            file by its name themselves.

    Raises:
        FileExistsError: `path` exists and `replace` is false.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{suffix}")
    try:
        with _open_locked(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl:  # while it is locked
                _put(temporary, path, replace)
        if fcntl is None:  # Windows cannot rename an open file
            _put(temporary, path, replace)
    finally:
        with suppress(OSError):  # gone, or never made
            temporary.unlink()


def clear_leftovers(folder: Path, names: Collection[str] | None = None) -> None:
    """Delete the temporary files of processes that were killed while they wrote into a folder.

    A file that another process still writes is locked, and stays.

    Args:
        folder: It may be absent.
        names: Delete those of files with these names only. Another machine may be writing others,
            and its locks are not seen here on every file system.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        match = LEFTOVER.fullmatch(path.name)
        if match and (names is None or match[1] in names) and path.is_file():
            with suppress(OSError), path.open("rb+") as file:
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _open_locked(path: Path) -> IO[bytes]:
    """Open a new file that `clear_leftovers` leaves alone until it is closed."""
    while True:
        file = path.open("wb")
        if fcntl is None:
            return file
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # it was cleared away before it was locked


def _put(temporary: Path, path: Path, replace: bool) -> None:
    """Give a file its name.

    Raises:
        FileExistsError: that is taken, and `replace` is false.
    """
    if replace:
        temporary.replace(path)
        return
    taken = FileExistsError(errno.EEXIST, "another process has written this file meanwhile")
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if path.exists():
            raise taken from None
        temporary.replace(path)
