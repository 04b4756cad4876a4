# From common_code/base/utils/common/damage.py; edit it there, then tools/sync.py.
"""Find damage that image decoders pass over in silence.

Where data end too early, decoders fill the rest of the picture with gray. PNG has checksums, and
the decoders of WebP and BMP refuse what is too short; JPEG and TIFF need a closer look, which
Pillow allows (torchvision needs it too). JPEG has no checksums: damage that still gives as much
data as the picture needs cannot be told from a picture.
"""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

# Markers of JPEG, which follow 0xFF.
SOI, EOI, SOS, DQT, PROGRESSIVE = 0xD8, 0xD9, 0xDA, 0xDB, 0xC2
FRAMES = (0xC0, 0xC1, PROGRESSIVE)
RESTARTS = range(0xD0, 0xD8)
MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
GRAY = 128  # what decoders fill gaps with
UNREAD = 32  # bytes, of many blocks of one value
MORE = bytes((151 * n + 90) % 255 for n in range(64))  # neither gray nor a marker


class Marker(NamedTuple):
    """A marker of a JPEG: its code, where it begins, and the segment that follows it."""

    code: int
    start: int
    segment: bytes


def is_cut_short(data: bytes) -> bool:
    """Return True if the end that a file's format promises is missing."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")  # the last scan has no end
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    if data.startswith(b"BM"):
        return len(data) < int.from_bytes(data[2:6], "little")
    if data.startswith(b"RIFF"):  # WebP
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    return False


def lacks_data(data: bytes, pixels: NDArray[Any]) -> bool:
    """Return True if a JPEG or TIFF does not hold the whole of what was decoded from it.

    Args:
        data: The file's content. Other formats are not looked into.
        pixels: What OpenCV made of it, (H, W) or (H, W, C).
    """
    if data.startswith(b"\xff\xd8"):
        markers = list(_markers(data))
        return _is_incomplete(markers) or _runs_out(data, markers, _ends_flat(pixels))
    if data.startswith((b"II", b"MM")) and pixels.dtype == np.uint8:  # OpenCV is strict with others
        image = _open(TiffImageFile, data)
        if image is None:  # of a rare kind, or damaged
            return _ends_flat(pixels)
        return _pixels(image).size == 0
    return False


def _ends_flat(pixels: NDArray[Any]) -> bool:
    """Return True if the last 16x16 pixels of an image are of one value that is not mid-gray."""
    corner = pixels[-16:, -16:]
    if (corner[-1, -1] == GRAY).all():
        return False
    return bool((corner == corner[:1, :1]).all())


def _markers(data: bytes) -> Iterator[Marker]:
    """Yield the markers of a JPEG's first picture, up to its end."""
    position = 2
    while found := MARKER.search(data, position):
        code, position = found[1][0], found.end()
        if code not in (0x01, SOI, EOI, *RESTARTS):
            position += int.from_bytes(data[position : position + 2], "big")
        yield Marker(code, found.start(), data[found.end() + 2 : position])
        if code == EOI:
            return


def _is_incomplete(markers: Sequence[Marker]) -> bool:
    """Return True if the end, restarts or scans are missing, or if quantization is by zero."""
    if not markers or markers[-1].code != EOI:
        return True
    restarts = 0
    for code, _, segment in markers:
        if code in RESTARTS:
            if code != RESTARTS[restarts % 8]:
                return True
            restarts += 1
        elif code == SOS:
            restarts = 0
        elif code == DQT and segment[:1] < b"\x10":  # tables of an id and 64 bytes
            tables = [segment[start + 1 : start + 65] for start in range(0, len(segment), 65)]
            if any(0 in table for table in tables):
                return True
    return _lacks_scans(markers)


def _lacks_scans(markers: Sequence[Marker]) -> bool:
    """Return True if no scan gives the last bit of some coefficient of a component."""
    wanted: set[tuple[int, int]] = set()  # components and places from 0, the mean, to 63
    progressive = False
    for code, _, segment in markers:
        if code in FRAMES:
            progressive = code == PROGRESSIVE
            wanted = {(component, place) for component in segment[6::3] for place in range(64)}
        elif code == SOS and segment:
            components = segment[1 : 1 + 2 * segment[0] : 2]
            first, last, bits = (*segment[-3:], 0, 0)[:3] if progressive else (0, 63, 0)
            if bits & 15 == 0:  # of those that are still to come
                wanted -= {(one, place) for one in components for place in range(first, last + 1)}
    return bool(wanted)


def _runs_out(data: bytes, markers: Sequence[Marker], ends_flat: bool) -> bool:
    """Return True if a JPEG decodes to another picture when more data follow each of its scans.

    A sound scan leaves them unread. A scan that is short takes them in place of gray. Pictures are
    compared at an eighth of their size; a progressive one, whose later scans are details, at half.
    Where a picture ends in one value, its last data must matter to it: those of a sound one do
    not decode to the gray that takes their place, those of a damaged one may be left over.
    """
    whole = _scaled(data)
    if whole is None:
        return False
    pixels, more = _pixels(whole), _scaled(_lengthened(data, markers))
    if not pixels.size or more is None or not np.array_equal(pixels, _pixels(more)):
        return True
    if not ends_flat:
        return False
    end = markers[-1].start
    less = _scaled(data[: end - UNREAD] + data[end:])
    return less is not None and np.array_equal(pixels, _pixels(less))


def _scaled(data: bytes) -> ImageFile | None:
    """Return a JPEG that will be decoded at a part of its size, None if Pillow cannot."""
    image = _open(JpegImageFile, data)
    if image is not None:
        part = 2 if image.info.get("progressive") else 8
        image.draft(image.mode, (image.width // part, image.height // part))
    return image


def _lengthened(data: bytes, markers: Sequence[Marker]) -> bytes:
    """Return a JPEG with `MORE` after all of its picture data.

    Scans that could lack their last restarts get one, with more data after it.
    """
    parts, done, in_scan, restarts = [], 0, False, 0
    for code, start, _ in markers:
        if in_scan:
            parts += [data[done:start], MORE]
            done = start
        if code in RESTARTS:
            restarts += 1
            continue
        if in_scan:
            parts += [bytes([0xFF, RESTARTS[restarts % 8]]), MORE]
        in_scan, restarts = code == SOS, 0
    return b"".join([*parts, data[done:]])


def _open(kind: type[ImageFile], data: bytes) -> ImageFile | None:
    """Return an image that is not decoded yet, None if Pillow does not know its kind."""
    try:
        return kind(io.BytesIO(data))
    except (SyntaxError, ValueError, OSError):  # a SyntaxError is what Pillow's readers raise
        return None


def _pixels(image: ImageFile) -> NDArray[Any]:
    """Return an image's pixels, none if they cannot be decoded."""
    try:
        return np.asarray(image)
    except OSError:
        return np.empty(0)
