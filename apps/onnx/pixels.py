"""Pixels: read and written as 8 or 16 bits, computed with as float32 in [0, 1]."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DEEP_SUFFIXES = (".png", ".tif", ".tiff")  # formats that hold 16 bits a channel
CHROMA = (2 - 2 * 0.114, 2 - 2 * 0.299)  # B - Y is so many times Cb, R - Y so many times Cr


class InputError(ValueError):
    """What the user gave cannot be used; the message names it and the flag that mends it."""


def read_image(path: Path) -> Array:
    """Read an image of 8 or 16 bits as (H, W) or (H, W, 3), channels in the order R, G, B.

    Raises:
        InputError: absent, not an image, of another type, or a side of one pixel.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    data = np.fromfile(path, np.uint8)
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    pixels: Array | None = cv2.imdecode(data, flags) if data.size else None
    if pixels is None:
        raise InputError(f"{path} is not an image that can be decoded ({data.size} bytes)")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} holds {pixels.dtype} values; convert it to 8 or 16 bits")
    height, width = pixels.shape[:2]
    if min(height, width) < 2:
        raise InputError(f"{path} is {width}x{height}; images need at least 2 pixels a side")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)) if pixels.ndim == 3 else pixels


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse a result that exists, unless `overwrite` is true, or whose format is unknown.

    Raises:
        InputError: one of these.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; --overwrite replaces it")
    if not path.suffix or not cv2.haveImageWriter(path.name):
        raise InputError(f"cannot write {path}: let --output end in .png, .tif or .jpg")


def write_image(path: Path, pixels: Array, overwrite: bool) -> None:
    """Write an image of uint8 or uint16 values, whole or not at all.

    Raises:
        InputError: see `check_output`, or the format cannot hold 16 bits.
    """
    if pixels.dtype == np.uint16 and path.suffix.lower() not in DEEP_SUFFIXES:
        raise InputError(f"{path} cannot hold 16 bits; let --output end in .png or .tif")
    ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    encoded = cv2.imencode(path.suffix, ordered)[1]
    check_output(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(encoded.data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def to_unit(pixels: Array) -> Array:
    """Return values as float32 in [0, 1]; 8 and 16 bits are divided by 255 and 65,535."""
    if pixels.dtype == np.float32:
        return pixels
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_unit(values: Array, dtype: np.dtype[Any]) -> Array:
    """Clip to [0, 1] and round to the levels of uint8 or uint16."""
    return np.rint(values.clip(0, 1) * np.float32(np.iinfo(dtype).max)).astype(dtype)


def infrared_values(path: Path, pixels: Array, spec: str, color: str) -> Array:
    """Return the single channel of an infrared image, with the range that `--ir_range` names.

    Args:
        path: For messages.
        pixels: (H, W) or (H, W, 3) of 8 or 16 bits.
        spec: `full`, `minmax`, `percentile` or `LO:HI` in the file's values.
        color: `luma` takes the luma of a colored image, `error` refuses it.

    Returns:
        `pixels`, (H, W), for `full`, else float32 in [0, 1].

    Raises:
        InputError: colored, or a range that is not understood or holds no values.
    """
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., 0])
    elif pixels.ndim == 3:
        if color != "luma":
            raise InputError(
                f"{path} is a colored infrared image; give the gray one, or say --ir_color luma"
            )
        pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(pixels.dtype)
    if spec == "full":
        return pixels
    if spec == "minmax":
        low, high = float(pixels.min()), float(pixels.max())
    elif spec == "percentile":
        low, high = (float(value) for value in np.percentile(pixels, (1, 99)))
    else:
        try:
            low, high = (float(value) for value in spec.split(":"))
        except ValueError as error:
            message = f"--ir_range {spec}: say full, minmax, percentile or LO:HI"
            raise InputError(message) from error
    if not low < high:
        raise InputError(f"{path}: --ir_range {spec} is empty, from {low:g} to {high:g}; say full")
    return ((pixels.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)


def luma(image: Array, weights: Sequence[float]) -> Array:
    """Return Y of R, G, B values in [0, 1], (H, W, 3) to (H, W); (H, W) stays as it is."""
    if image.ndim == 2:
        return image
    red, green, blue = np.moveaxis(image, 2, 0)
    return weights[0] * red + weights[1] * green + weights[2] * blue


def recolor(fused: Array, sources: Sequence[Array], weights: Sequence[float]) -> Array:
    """Return the fused luma with the color of its sources, (H, W, 3), not clipped.

    The chroma of a single source is kept. The chroma of several is averaged per pixel, each
    weighted by its distance from neutral (DeepFuse, Sec. 3.3).

    Args:
        fused: Fused luma, (H, W).
        sources: Colored sources in [0, 1], (H, W, 3), at least one.
        weights: Of R, G and B in the luma.
    """
    if len(sources) == 1:
        return sources[0] + (fused - luma(sources[0], weights))[..., None]
    planes = [(source, luma(source, weights)) for source in sources]
    cb = _weighted([(source[..., 2] - y) / CHROMA[0] for source, y in planes])
    cr = _weighted([(source[..., 0] - y) / CHROMA[1] for source, y in planes])
    blue, red = fused + CHROMA[0] * cb, fused + CHROMA[1] * cr
    green = (fused - weights[0] * red - weights[2] * blue) / weights[1]
    return np.stack([red, green, blue], axis=2)


def _weighted(planes: Sequence[Array]) -> Array:
    """Return sum |C| C / sum |C| of chroma planes, 0 where all are 0."""
    total = sum(np.abs(plane) for plane in planes)
    weighted = sum(np.abs(plane) * plane for plane in planes)
    return np.asarray(weighted / np.where(total == 0, np.float32(1), total))
