# From common_code/infrared/utils/common/infrared.py; edit it there, then tools/sync.py.
"""Read visible and infrared images; what infrared values mean: one channel, and its range."""

import argparse
from pathlib import Path

import numpy as np

from utils.common.color import luma_of_array
from utils.common.image import resize_to
from utils.common.pairs import FusionJob
from utils.common.sources import FILES, Inputs, Notices, check_images
from utils.common.values import Array
from utils.utils import InputError

NARROW = 0.25  # share of the range


def as_gray(path: Path, pixels: Array, ir_color: str, inputs: Inputs = FILES) -> Array:
    """Return an infrared image's single channel.

    Equal channels are one channel; with `ir_color="luma"` a colored image gives its luma. So does
    a frame of a video whose channels differ by the rounding of its chroma alone.

    Raises:
        InputError: colored, and `ir_color` is `error`.
    """
    if pixels.ndim == 2:
        return pixels
    planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))  # many times as fast to compare
    apart = np.ptp(planes, axis=0).max()
    if apart == 0:
        return planes[0].copy()  # without the others in memory
    rounding = inputs.chroma_rounding * (257 if pixels.dtype == np.uint16 else 1)
    if ir_color != "luma" and apart > rounding:
        raise InputError(
            f"{path} is a colored infrared image (a false-color palette?); give the gray one, "
            "or take its luma with --ir_color luma"
        )
    return luma_of_array(pixels)


def scale_ir(path: Path, pixels: Array, spec: str, inputs: Inputs = FILES) -> Array:
    """Map infrared values to the range that `--ir_range` names.

    Args:
        path: For messages.
        pixels: (H, W), 8 or 16 bits, or float32 in any unit.
        spec: `full` (the container's range, values stay as they are), `minmax`, `percentile` (1 to
            99) or `LO:HI` in the file's own values.
        inputs: Where they were read; what `minmax` and `percentile` take from a frame of a video
            is smoothed over time.

    Returns:
        `pixels` for `full`, else float32 in [0, 1], clipped.

    Raises:
        InputError: the range holds no values, or `full` for physical values.
    """
    if spec == "full" and pixels.dtype == np.float32:
        raise InputError(
            f"{path} holds physical values, {pixels.min():g} to {pixels.max():g}; say which of "
            "them become 0 to 1 with --ir_range LO:HI, or take --ir_range percentile"
        )
    if spec == "full":
        return pixels
    if spec == "minmax":
        low, high = inputs.steady(float(pixels.min()), float(pixels.max()))
    elif spec == "percentile":
        low, high = inputs.steady(*(float(value) for value in np.percentile(pixels, (1, 99))))
    else:
        low, high = (float(value) for value in spec.split(":"))
    if not low < high:
        raise InputError(f"{path}: --ir_range {spec} is empty, from {low:g} to {high:g}; say full")
    scaled = (pixels.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return scaled.clip(0, 1)


def narrow_range(pixels: Array) -> float | None:
    """Return the share of the container's range that most values fill, if that is under a quarter.

    One percent of the values on either side does not count, so that a few hot or dead pixels do
    not hide a dark image.
    """
    if pixels.dtype == np.float32:
        return None
    low, high = np.percentile(pixels, (1, 99))
    share = float(high - low) / float(np.iinfo(pixels.dtype).max)
    return share if share < NARROW else None


def read_pair(
    job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
) -> list[Array]:
    """Read the visible and the infrared image of a job, both of one size (a `Reader`).

    Args:
        job: The job.
        args: Parsed flags of `add_pair_flags`.
        notices: Where doubts are said.
        inputs: Where the images come from.

    Returns:
        The visible image, (H, W) or (H, W, 3) of 8 or 16 bits, and the infrared one, (H, W), as
        `scale_ir` returns it.

    Raises:
        InputError: unreadable, colored infrared, or of different sizes without `--resize`.
    """
    visible, infrared = read_values(job, args, notices, inputs)
    if args.resize == "ir":
        infrared = resize_to(infrared, *visible.shape[:2])
    elif args.resize == "vis":
        visible = resize_to(visible, *infrared.shape[:2])
    images = [visible, infrared]
    remedy = "; --resize ir or --resize vis scales one to the other, --register aligns them"
    check_images(job, images, notices, inputs, remedy, "--register brings them together")
    return images


def read_values(
    job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
) -> tuple[Array, Array]:
    """Read the visible and the infrared image of a job, each of its own size; see `read_pair`."""
    path = job.sources[1]
    visible = inputs.read(job.sources[0])
    infrared = as_gray(path, inputs.read(path, physical=True), args.ir_color, inputs)
    if args.ir_range == "full":
        inputs.once("narrow", lambda: _warn_if_narrow(path, infrared, notices))
    return visible, scale_ir(path, infrared, args.ir_range, inputs)


def _warn_if_narrow(path: Path, infrared: Array, notices: Notices) -> None:
    share = narrow_range(infrared)
    if share is not None:
        notices.add(
            "with narrow infrared values",
            f"{path}: 98% of the infrared values fill {share:.0%} of their range; "
            "--ir_range percentile spreads them",
        )
