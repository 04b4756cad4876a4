# From common_code/exposures/utils/common/read_exposures.py; edit it there, then tools/sync.py.
"""Read exposures, and shift hand-held ones onto each other."""

import argparse
import math
from collections.abc import Sequence

import cv2
import numpy as np

from utils.common.pairs import FusionJob
from utils.common.sources import FILES, Inputs, Notices, check_images
from utils.common.values import Array, to_unit

COARSEST_SIDE = 16  # pixels: AlignMTB is unreliable below this size


def read_exposures(
    job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
) -> list[Array]:
    """Read exposures of one size, and align them if `--align` says so (a `Reader`).

    Raises:
        InputError: unreadable, or of different sizes.
    """
    images = [inputs.read(path) for path in job.sources]
    alike = len({image.shape[:2] for image in images}) == 1
    equal = alike and all(np.array_equal(image, images[0]) for image in images[1:])
    if equal or not (alike and args.align):
        remedy = "--align brings them together" if inputs is FILES else "fusing aligns no videos"
        check_images(job, images, notices, inputs, aligning=remedy)
        return images
    images, shifts = align_exposures(images)
    height, width = images[0].shape[:2]
    moved = ", ".join(f"{dx:+d} {dy:+d}" for dx, dy in shifts)
    found = f"{job.output.stem}: moved by {moved} pixels, cut to {width}x{height}"
    notices.add("that were aligned", found, "note")
    return images


def align_exposures(images: Sequence[Array]) -> tuple[list[Array], list[tuple[int, int]]]:
    """Shift exposures onto the one of middle brightness, and cut them to what all of them show.

    The shifts are those of OpenCV's AlignMTB (Ward, "Fast, Robust Image Registration for
    Compositing High Dynamic Range Photographs from Handheld Exposures", 2003): whole pixels, about
    a sixteenth of the shorter side at most, without rotation. Images that are mostly black or
    over-exposed are not moved.

    Args:
        images: Two or more, (H, W) or (H, W, 3), of one size.

    Returns:
        The images, (h, w) or (h, w, 3), and the (dx, dy) by which each one was moved.
    """
    grays = [np.rint(255 * to_unit(np.atleast_3d(image)).mean(axis=2)) for image in images]
    middle = int(np.argsort([gray.mean() for gray in grays])[len(images) // 2])
    levels = [gray.astype(np.uint8) for gray in grays]
    shifts = [_shift(levels[middle], level) for level in levels]
    height, width = images[0].shape[:2]
    columns, rows = ([shift[axis] for shift in shifts] for axis in (0, 1))
    left, right = max(*columns, 0), width + min(*columns, 0)
    top, bottom = max(*rows, 0), height + min(*rows, 0)
    cut = [
        image[top - dy : bottom - dy, left - dx : right - dx]
        for image, (dx, dy) in zip(images, shifts, strict=True)
    ]
    return cut, shifts


def _shift(reference: Array, image: Array) -> tuple[int, int]:
    """Return the (dx, dy) that brings an image onto the reference, uint8 (H, W) each.

    Returns (0, 0) where AlignMTB cannot be trusted: it fails to align the image with itself (mostly
    black or over-exposed), or the image is tiny.
    """
    halvings = math.log2(min(reference.shape) / COARSEST_SIDE)
    if halvings < 1:
        return 0, 0
    aligner = cv2.createAlignMTB(max_bits=min(6, int(halvings)))
    if any(aligner.calculateShift(x, x) != (0, 0) for x in (reference, image)):
        return 0, 0
    dx, dy = aligner.calculateShift(reference, image)
    return int(dx), int(dy)
