# From common_code/base/utils/common/values.py; edit it there, then tools/sync.py.
"""Pixel values: uint8 and uint16 of their full range, or floating point in [0, 1].

Images are NumPy arrays, (H, W) or (H, W, 3), or tensors, (1, H, W) or (3, H, W).
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from utils.utils import InputError

Array = NDArray[Any]
Image = TypeVar("Image", Array, Tensor)
Pixels: TypeAlias = Any  # an array or a tensor, (H, W) or (H, W, 3), which index in the same way


def to_unit(pixels: Image) -> Image:
    """Return values as float32 in [0, 1]; 8 and 16 bits are divided by 255 and 65,535."""
    if isinstance(pixels, Tensor):
        scale = 1.0 if pixels.is_floating_point() else torch.iinfo(pixels.dtype).max
        return pixels.float() / scale
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def from_unit(values: Image, dtype: Any) -> Image:
    """Clip to [0, 1] and round to the levels of `dtype`; floating point is only clipped."""
    clipped = values.clip(0, 1)
    if isinstance(clipped, Tensor):
        whole = not dtype.is_floating_point
        return ((clipped * torch.iinfo(dtype).max).round() if whole else clipped).to(dtype)
    if dtype.kind == "f":
        return clipped.astype(dtype, copy=False)
    return np.rint(clipped * np.float32(np.iinfo(dtype).max)).astype(dtype)


def as_pixels(sources: Sequence[Array] | Sequence[Tensor]) -> list[Pixels]:
    """Return images as (H, W) or (H, W, 3), tensors too, and refuse what would be misread.

    Raises:
        InputError: fewer than two sources, arrays beside tensors, unequal sizes, a side of one
            pixel, an alpha channel, another type, or floating-point values outside [0, 1].
    """
    if len(sources) < 2:
        raise InputError(f"{len(sources)} source to fuse, at least 2 are needed")
    kind = Tensor if isinstance(sources[0], Tensor) else np.ndarray
    images = []
    for number, source in enumerate(sources, 1):
        name = f"source {number} of {len(sources)}"
        if not isinstance(source, kind):
            wanted = "a Tensor as the first is" if kind is Tensor else "a NumPy array"
            raise InputError(f"{name} is a {type(source).__name__}; give {wanted}")
        _check_type(name, source)
        images.append(_tensor_pixels(name, source) if isinstance(source, Tensor) else source)
        _check_shape(name, images[-1])
    sizes = {(image.shape[0], image.shape[1]) for image in images}
    if len(sizes) > 1:
        found = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise InputError(f"sources differ in size ({found}); they must be registered")
    if min(images[0].shape[:2]) < 2:
        raise InputError("a side of one pixel cannot be fused; at least 2 are needed")
    return images


def _tensor_pixels(name: str, source: Tensor) -> Tensor:
    """Return (H, W) for a tensor of (1, H, W), or (H, W, 3) for one of (3, H, W), as views."""
    if source.ndim != 3 or source.shape[0] not in (1, 3):
        shape = tuple(source.shape)
        raise InputError(f"{name} has shape {shape}; give tensors of (1, H, W) or (3, H, W)")
    return source[0] if source.shape[0] == 1 else source.movedim(0, 2)


def _check_shape(name: str, source: Pixels) -> None:
    if source.ndim not in (2, 3) or (source.ndim == 3 and source.shape[2] != 3):
        alpha = " (drop the alpha channel)" if source.ndim == 3 and source.shape[2] == 4 else ""
        shape = tuple(source.shape)
        raise InputError(f"{name} has shape {shape}; give (H, W) or (H, W, 3){alpha}")


def _check_type(name: str, source: Pixels) -> None:
    dtype = str(source.dtype).removeprefix("torch.")
    if "float" in dtype:
        empty = 0 in source.shape
        low, high = (0.0, 0.0) if empty else (float(source.min()), float(source.max()))
        if not (low >= 0 and high <= 1):  # neither is true of NaN
            raise InputError(
                f"{name} holds {dtype} values from {low:g} to {high:g}; floating-point values must "
                "be in [0, 1]: divide them by their full range first"
            )
    elif dtype not in ("uint8", "uint16"):
        raise InputError(
            f"{name} holds {dtype} values; give uint8, uint16, or floating point in [0, 1]"
        )


def channels_first(image: Tensor) -> Pixels:
    """Return a tensor of (H, W) or (H, W, 3) as (1, H, W) or (3, H, W), a view."""
    return image[None] if image.ndim == 2 else image.movedim(2, 0)


def mirror(image: Pixels, height: int, width: int) -> Pixels:
    """Return an image, (H, W) or (H, W, 3), continued below and to the right by reflection."""
    rows = _there_and_back(image.shape[0], height)
    return image[rows][:, _there_and_back(image.shape[1], width)]


def _there_and_back(length: int, wanted: int) -> list[int]:
    """Return as many indices as wanted, which go up and down through an image's side."""
    both = [*range(length), *reversed(range(length))]
    return [both[n % len(both)] for n in range(wanted)]
