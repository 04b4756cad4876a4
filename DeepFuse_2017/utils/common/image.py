# From common_code/base/utils/common/image.py; edit it there, then tools/sync.py.
"""Read and write images of 8 and 16 bits."""

from pathlib import Path

import cv2
import numpy as np

from utils.common.damage import is_cut_short, lacks_data
from utils.common.files import write_atomically
from utils.common.listing import SUFFIXES
from utils.common.values import Array
from utils.utils import InputError

DEEP_SUFFIXES = (".png", ".tif", ".tiff")  # formats that hold 16 bits a channel


def read_image(path: Path, physical: bool = False) -> Array:
    """Read an 8- or 16-bit image as (H, W) or (H, W, 3) in R, G, B order.

    The orientation in EXIF is applied and an alpha channel dropped.

    Args:
        path: The file.
        physical: Also take floating-point values of any unit, which come as float32.

    Raises:
        InputError: absent, empty, cut short, damaged, not an image, one pixel wide or high, or
            with values that are neither of 8 or 16 bits nor finite and `physical`.
    """
    pixels = _decode(path)
    if physical and pixels.dtype.kind == "f":
        pixels = pixels.astype(np.float32)
        if unusable := int(pixels.size - np.isfinite(pixels).sum()):
            raise InputError(f"{path} holds {unusable} values that are not finite numbers")
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} holds {pixels.dtype} values; convert it to 8 or 16 bits")
    if min(pixels.shape[:2]) < 2:
        height, width = pixels.shape[:2]
        raise InputError(f"{path} is {width}x{height}; images need at least 2 pixels a side")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels


def _decode(path: Path) -> Array:
    """Return a file's pixels as OpenCV orders them, of any type."""
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    data = path.read_bytes()
    if not data:
        raise InputError(f"{path} is empty (0 bytes)")
    if is_cut_short(data):
        raise InputError(f"{path} is cut short: its end is missing after {len(data)} bytes")
    encoded = np.frombuffer(data, np.uint8)
    try:
        pixels = cv2.imdecode(encoded, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise InputError(f"{path} cannot be decoded: {error.err}") from error
    if pixels is None:
        raise InputError(f"{path} is not an image that can be decoded ({len(data)} bytes)")
    if lacks_data(data, pixels):
        raise InputError(f"{path} is damaged: its data end before its last pixel")
    return pixels


def write_image(path: Path, pixels: Array, replace: bool = True) -> None:
    """Write (H, W) or (H, W, 3) R, G, B values of 8 or 16 bits, whole or not at all.

    Args:
        path: Where to write; the suffix decides the format.
        pixels: uint8 or uint16.
        replace: Whether a file that is there by then may be replaced.

    Raises:
        InputError: the format is unknown or cannot hold 16 bits.
        OSError: the folder cannot be written or the disk is full.
    """
    data = encode_image(path, pixels)
    write_atomically(path, lambda file: file.write(data), replace)


def encode_image(path: Path, pixels: Array) -> bytes:
    """Return what `write_image` writes into a file.

    Raises:
        InputError: the format is unknown or cannot hold 16 bits.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"cannot write {path}: --output ends in one of {' '.join(SUFFIXES)}")
    if pixels.dtype == np.uint16 and suffix not in DEEP_SUFFIXES:
        raise InputError(f"{path} cannot hold 16 bits; let --output end in .png or .tif")
    ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    return cv2.imencode(suffix, ordered)[1].tobytes()


def resize_to(pixels: Array, height: int, width: int) -> Array:
    """Return an image resized by area averaging (smaller) or bicubic interpolation (larger)."""
    shrink = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    resized = cv2.resize(pixels, (width, height), interpolation=method)
    return resized.clip(0, 1) if pixels.dtype == np.float32 else resized
