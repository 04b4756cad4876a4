import struct
import zipfile
from pathlib import Path

import pytest

from public_sets.catalog import Archive, DataError
from public_sets.unpack import unpacked

ARCHIVE = Archive("http://127.0.0.1:9/set.zip", 0.001)  # about 1 MiB
FLAGS, METHOD = (6, 8), (8, 10)  # where they stand in a local and in a central header


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("set/ir/1.png", b"infrared" * 20)
        file.writestr("set/vis/1.png", b"visible" * 20)
    (tmp_path / "set.zip.sha256").write_text("0  set.zip\n")
    return tmp_path / "set.zip"


def patch(path: Path, places: tuple[int, int], value: int) -> None:
    """Set two bytes in the headers of the first member."""
    data = bytearray(path.read_bytes())
    for signature, place in zip((b"PK\3\4", b"PK\1\2"), places, strict=True):
        struct.pack_into("<H", data, data.index(signature) + place, value)
    path.write_bytes(data)


def refused(path: Path, message: str) -> None:
    """Assert that it is refused with this message, and that the archive alone is left."""
    with pytest.raises(DataError, match=message), unpacked(ARCHIVE, path):
        pass
    assert path.is_file()
    assert {left.name for left in path.parent.iterdir()} <= {path.name, f"{path.name}.sha256"}


def test_files_are_there_for_the_time_of_the_context(path: Path) -> None:
    left = path.parent / ".unpacked-by-a-killed-run"
    left.mkdir()
    (left / "1.png").touch()
    with unpacked(ARCHIVE, path) as folder:
        assert (folder / "set/vis/1.png").read_bytes() == b"visible" * 20
        assert not left.exists()
    assert not folder.exists()
    assert path.is_file()


@pytest.mark.parametrize("bit", [0x1, 0x41])
def test_an_encrypted_member(path: Path, bit: int) -> None:
    patch(path, FLAGS, bit)
    refused(path, r"set\.zip: set/ir/1\.png is encrypted; .* --source")


@pytest.mark.parametrize("method", [9, 14, 95, 99])
def test_a_compression_that_is_not_understood(path: Path, method: int) -> None:
    patch(path, METHOD, method)
    refused(path, f"is compressed by method {method}; .* --source")


def test_far_more_than_the_set(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(5 * 2**20))
    refused(path, r"would unpack to 0\.0 GiB, far more than the 0\.001 GiB of the set")


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>", None])
def test_a_damaged_archive_and_its_checksum(path: Path, content: bytes | None) -> None:
    data = bytearray(path.read_bytes())
    data[50] ^= 0xFF  # inside the first member's compressed bytes
    path.write_bytes(data if content is None else content)
    refused(path, r"set\.zip is damaged or not a zip file .*delete it and run again")
    assert not path.with_name("set.zip.sha256").exists()
