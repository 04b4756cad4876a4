"""Unpack a downloaded archive after checking what it holds."""

import errno
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from public_sets.catalog import Archive, DataError
from public_sets.download import record_of

PREFIX = ".unpacked-"
FAR_MORE = 4  # times the size of a set
ENCRYPTED = 0x1 | 0x40  # flag bits of a member
UNDERSTOOD = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile raises for damaged files: besides its own errors, those of bad numbers and names.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, RuntimeError)


@contextmanager
def unpacked(archive: Archive, path: Path) -> Iterator[Path]:
    """Unpack an archive into a temporary folder beside it, which lasts as long as the context.

    Such folders of runs that were killed are removed first.

    Raises:
        DataError: The archive is damaged, encrypted, compressed in a way that is not understood,
            or unpacks to far more than the set.
    """
    for left in path.parent.glob(f"{PREFIX}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=path.parent) as folder:
        try:
            with zipfile.ZipFile(path) as file:
                _look_at(file.infolist(), archive, path)
                file.extractall(folder)
        except DAMAGED as error:
            raise _damaged(path, error) from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # it seeks before the start of the file
                raise _damaged(path, error) from error
            raise
        yield Path(folder)


def _damaged(path: Path, error: Exception) -> DataError:
    """Return the error to raise; forget the checksum, which the next download would contradict."""
    record_of(path).unlink(missing_ok=True)
    return DataError(
        f"{path} is damaged or not a zip file ({error}); delete it and run again, or unpack a copy "
        "and pass its folder with --source"
    )


def _look_at(members: list[zipfile.ZipInfo], archive: Archive, path: Path) -> None:
    """Raise a DataError if the list of members shows that the archive must not be unpacked."""
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise DataError(
                f"{path}: {member.filename} is encrypted; unpack it with its password and pass "
                "the folder with --source"
            )
        if member.compress_type not in UNDERSTOOD:
            raise DataError(
                f"{path}: {member.filename} is compressed by method {member.compress_type}; only "
                "stored and deflated files are understood: unpack it with another program and "
                "pass the folder with --source"
            )
    size = sum(member.file_size for member in members) / 2**30
    if size > FAR_MORE * archive.gib:
        raise DataError(
            f"{path} would unpack to {size:,.1f} GiB, far more than the {archive.gib:g} GiB of the "
            "set, and was not unpacked; delete it and run again, or pass a local copy with --source"
        )
