"""Downloads that go on where they were cut off, and checksums."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from public_sets.catalogue import Archive, DataError

CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _receive(url: str, part: Path, timeout: float) -> None:
    """Fetch `url` into `part`, starting after the bytes that are already there."""
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


def download(archive: Archive, folder: Path, timeout: float = 60.0) -> Path:
    """Download an archive into `folder`, or return it where it is complete already.

    A download that was cut off is kept as `<name>.part`, and the next call goes on from there.

    Raises:
        DataError: The server refuses, the line breaks, or the checksum is wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if not path.is_file():
        try:
            _receive(archive.url, part, timeout)
        except urllib.error.HTTPError as error:
            if error.code == 416:
                part.unlink(missing_ok=True)
            raise DataError(
                f"{archive.url} answered {error.code} {error.reason}; "
                "get the set by browser and pass its folder with --source"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise DataError(
                f"{archive.url}: {error}; {part} is kept, run again to go on, or pass a local "
                "copy with --source"
            ) from error
        part.replace(path)
    _verify(path, archive.sha256, folder / f"{archive.name}.sha256")
    return path
