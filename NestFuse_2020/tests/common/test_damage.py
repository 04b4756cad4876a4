# From common_code/base/tests/common/test_damage.py; edit it there, then tools/sync.py.
"""Damaged images are told from sound ones, whatever their kind."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers import picture
from utils.common.image import read_image
from utils.utils import InputError

HEIGHT, WIDTH = 67, 93  # of no block's multiple
COLOR, GRAY = (Image.fromarray(picture(0, HEIGHT, WIDTH, channels)) for channels in (3, 1))
FLAT, BLACK, WHITE = (Image.new("RGB", (WIDTH, HEIGHT), color) for color in ("#808080", 0, "white"))
LETTERBOX = Image.fromarray(np.pad(picture(0, HEIGHT, WIDTH), [(24, 24), (0, 0), (0, 0)]))


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_thumbnail(quality: int = 90) -> bytes:
    """Return a JPEG whose EXIF holds another JPEG, with an end of its own."""
    thumbnail = encoded(COLOR.resize((16, 12)))
    return encoded(COLOR, quality=quality, exif=b"Exif\x00\x00" + thumbnail)


JPEGS: dict[str, bytes] = {
    "color": encoded(COLOR, quality=90),
    "gray": encoded(GRAY),
    "full chroma": encoded(COLOR, subsampling=0, optimize=True),
    "progressive": encoded(COLOR, progressive=True),
    "gray, progressive": encoded(GRAY, progressive=True),
    "restarts": encoded(COLOR, restart_marker_blocks=3),
    "restarts, progressive": encoded(COLOR, progressive=True, restart_marker_rows=1),
    "CMYK": encoded(COLOR.convert("CMYK")),
    "thumbnail": with_thumbnail(),
}
SOUND: dict[str, bytes] = {
    **JPEGS,
    "flat gray": encoded(FLAT),
    "flat gray, progressive": encoded(FLAT, progressive=True),
    **{f"flat {number}": encoded(image) for number, image in enumerate((BLACK, WHITE, LETTERBOX))},
    "letterbox, progressive": encoded(LETTERBOX, progressive=True),
    "letterbox, optimized": encoded(LETTERBOX, optimize=True, restart_marker_rows=1, quality=40),
    "comment": encoded(COLOR, comment=b"\xff\xd9\xff\xda"),
    "trailing bytes": encoded(COLOR) + b"\xff\xdatrailing\x00\xff\xd9",
    "two pictures": encoded(COLOR, "MPO", save_all=True, append_images=[GRAY]),
    "fill bytes": encoded(COLOR).replace(b"\xff\xda", b"\xff\xff\xff\xda", 1),
    "TIFF": encoded(COLOR, "TIFF"),
    "TIFF, LZW": encoded(COLOR, "TIFF", compression="tiff_lzw"),
    "TIFF, deflate": encoded(GRAY, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, big-endian": encoded(Image.fromarray(picture(0, 9, 9, 1).astype(">u2")), "TIFF"),
    "TIFF, 16 bits": cv2.imencode(".tiff", picture(0, dtype=np.uint16))[1].tobytes(),
}


def suffix_of(data: bytes) -> str:
    return ".jpg" if data.startswith(b"\xff\xd8") else ".tif"


@pytest.mark.parametrize("kind", SOUND)
def test_sound_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{suffix_of(SOUND[kind])}"
    path.write_bytes(SOUND[kind])
    assert min(read_image(path).shape[:2]) > 2


def is_refused(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_image(path)
    except InputError as error:
        assert path.name in str(error)
        return True
    return False


def scan_data(data: bytes) -> tuple[int, int]:
    """Return where the first scan's data begin and end."""
    start = data.rindex(b"\xff\xda") if b"\xff\xc2" not in data else data.index(b"\xff\xda")
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return start, start + re.search(rb"\xff[^\x00\xd0-\xd7]", data[start:]).start()


@pytest.mark.parametrize("kind", JPEGS)
def test_a_hole_in_a_jpeg_is_noticed(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    start, stop = scan_data(data)
    quarter = (stop - start) // 4
    for first in (start, start + quarter, stop - quarter):
        assert is_refused(tmp_path / "a.jpg", data[:first] + data[first + quarter :])


@pytest.mark.parametrize("kind", JPEGS)
def test_an_end_in_the_midst_of_a_jpeg_is_noticed(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    start, stop = scan_data(data)
    for part in (0.05, 0.5, 0.9):
        middle = start + int(part * (stop - start))
        assert is_refused(tmp_path / "a.jpg", data[:middle])
        assert is_refused(tmp_path / "a.jpg", data[:middle] + b"\xff\xd9" + data[middle:])
        assert is_refused(tmp_path / "a.jpg", data[:middle] + b"\xff\xd9")


def test_a_missing_restart_interval_is_noticed(tmp_path: Path) -> None:
    data = JPEGS["restarts"]
    places = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    assert len(places) > 4
    for first, last in ((places[1], places[2]), (places[-2], places[-1])):
        assert is_refused(tmp_path / "a.jpg", data[:first] + data[last:])
    assert is_refused(tmp_path / "a.jpg", data[: places[-1]] + data[-2:])  # the last one


def test_data_left_over_after_one_value_are_noticed(tmp_path: Path) -> None:
    data = JPEGS["gray"]
    codes = data.index(b"\xff\xc4\x00\xb5\x10") + 21  # of everything but the blocks' means
    assert is_refused(tmp_path / "a.jpg", data[:codes] + bytes(32) + data[codes + 32 :])


@pytest.mark.parametrize("kind", ["progressive", "gray, progressive", "restarts, progressive"])
def test_a_missing_scan_is_noticed(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    assert is_refused(tmp_path / "a.jpg", data[: data.rindex(b"\xff\xda")] + b"\xff\xd9")


def test_factors_of_zero_are_noticed(tmp_path: Path) -> None:
    data = JPEGS["gray"]
    table = data.index(b"\xff\xdb") + 5
    assert is_refused(tmp_path / "a.jpg", data[: table + 1] + bytes(63) + data[table + 64 :])


def test_more_rows_than_data_are_noticed(tmp_path: Path) -> None:
    data = JPEGS["color"]
    height = data.index(b"\xff\xc0") + 5
    assert is_refused(tmp_path / "a.jpg", data[:height] + b"\x01" + data[height + 1 :])


@pytest.mark.parametrize("kind", ["TIFF, LZW", "TIFF, deflate"])
def test_a_damaged_strip_of_a_tiff_is_noticed(tmp_path: Path, kind: str) -> None:
    data = SOUND[kind]
    middle, damage = len(data) // 2, 64 * (b"\x00" if kind.endswith("LZW") else b"\xff")
    assert is_refused(tmp_path / "a.tif", data[:middle] + damage + data[middle + 64 :])


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) * 2 // 3],
    "zeroed": lambda data: data[:60] + bytes(40) + data[100:],
    "flipped": lambda data: data[:90] + bytes([data[90] ^ 4]) + data[91:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_png(tmp_path: Path, damage: str) -> None:
    for image in (picture(0), picture(0, dtype=np.uint16), picture(0, channels=1)):
        data = cv2.imencode(".png", image)[1].tobytes()
        assert is_refused(tmp_path / "a.png", DAMAGES[damage](data))
