"""Downloads that continue where they were interrupted, and checksums."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from public_sets.catalog import Archive, DataError

CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _receive(url: str, part: Path, timeout: float) -> None:
    """Fetch `url` into `part`, starting after the bytes that are already there.

    The folder is made as soon as the server has answered.
    """
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as reply:
        resumed = reply.status == 206
        length = int(reply.headers.get("Content-Length") or 0)
        start = have if resumed else 0
        bar = tqdm(
            total=start + length or None, initial=start, unit="B", unit_scale=True, desc=part.stem
        )
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if resumed else "wb") as file, bar:
            while block := reply.read(CHUNK):
                file.write(block)
                bar.update(len(block))
    if length and part.stat().st_size != start + length:
        raise http.client.IncompleteRead(b"", start + length - part.stat().st_size)


def _verify(path: Path, expected: str | None, record: Path) -> None:
    """Compare a file with the known checksum, else with the one recorded last time."""
    found = sha256_of(path)
    source = "stated by its publisher"
    if expected is None and record.is_file():
        expected, source = record.read_text(encoding="utf-8").split()[0], f"recorded in {record}"
    if expected is None:
        print(f"no published checksum for {path.name}; computed sha256 {found}, kept in {record}")
        record.write_text(f"{found}  {path.name}\n", encoding="utf-8")
    elif found != expected:
        path.unlink()
        raise DataError(
            f"sha256 of {path.name} is {found}, but {expected} is {source}; the file was removed: "
            f"run again, or delete {record.name} if the publisher has changed the set"
        )


def _has_all(part: Path, error: urllib.error.HTTPError) -> bool:
    """Return True if `error` says that nothing follows the bytes in `part`, so it is complete."""
    total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
    return error.code == 416 and part.is_file() and total == str(part.stat().st_size)


def _what_is_there(part: Path) -> str:
    """Return what an interrupted download has left and what to do. Delete an empty file."""
    if part.is_file() and not part.stat().st_size:
        part.unlink()
    if not part.is_file():
        return "nothing was loaded; run again when the network is there, or pass a local copy"
    size = part.stat().st_size / 2**20
    return f"{part} is kept ({size:.1f} MiB): run again to go on, or pass a local copy"


def _fetch(url: str, part: Path, timeout: float) -> None:
    """Fetch the rest of a file. An error says what is left of it."""
    try:
        _receive(url, part, timeout)
    except urllib.error.HTTPError as error:
        if _has_all(part, error):
            return
        if error.code == 416:
            part.unlink(missing_ok=True)
        raise DataError(
            f"{url} answered {error.code} {error.reason}; "
            "get the set by browser and pass its folder with --source"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(
            f"{url} cannot be loaded: {reason}; {_what_is_there(part)} with --source"
        ) from error


def download(archive: Archive, folder: Path, timeout: float = 60.0) -> Path:
    """Download an archive into `folder`, or return it where it is complete already.

    An interrupted download is kept as `<name>.part`, and the next call continues it.

    Raises:
        DataError: The server refuses, the connection breaks, or the checksum is wrong.
    """
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if not path.is_file():
        _fetch(archive.url, part, timeout)
        part.replace(path)
    _verify(path, archive.sha256, record_of(path))
    return path


def record_of(path: Path) -> Path:
    """Return where the checksum of an archive is kept."""
    return path.with_name(f"{path.name}.sha256")
