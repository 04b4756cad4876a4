# From common_code/base/utils/common/sources.py; edit it there, then tools/sync.py.
"""Read the sources of one result, bring them to one size, and say what seems wrong with them."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from utils.common.align import align_exposures, misalignment
from utils.common.image import Array, read_image, resize_to
from utils.common.infrared import as_gray, narrow_range, scale_ir
from utils.common.pairs import FusionJob
from utils.utils import InputError, warn


class Notices:
    """What is said of single results: the first of each kind at once, of the others the number.

    Args:
        verbose: Say all of them.
    """

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, message: str, prefix: str = "warning") -> None:
        """Say something of a result; `kind` completes "3 more ..."."""
        self.counts[kind] += 1
        if self.verbose or self.counts[kind] == 1:
            warn(message, prefix)

    def close(self) -> None:
        """Say how many notices were left out."""
        for kind, count in self.counts.items():
            if count > 1 and not self.verbose:
                warn(f"{count - 1} more {kind}; --verbose names them", "note")


def read_sources(job: FusionJob, args: argparse.Namespace, notices: Notices) -> list[Array]:
    """Read a job's images, all of one size.

    Raises:
        InputError: unreadable, colored infrared, or of different sizes without `--resize`.
    """
    if job.kind == "pair":
        images = [read_image(job.sources[0]), _read_infrared(job.sources[1], args, notices)]
    else:
        images = [read_image(path) for path in job.sources]
    if len({image.shape[:2] for image in images}) > 1:
        return _resized(job, images, args)
    if all(np.array_equal(image, images[0]) for image in images[1:]):
        notices.add("of equal sources", f"{', '.join(map(str, job.sources))} are identical")
    elif getattr(args, "align", False):
        images, shifts = align_exposures(images)
        height, width = images[0].shape[:2]
        moved = ", ".join(f"{dx:+d} {dy:+d}" for dx, dy in shifts)
        found = f"{job.output.stem}: moved by {moved} pixels, cut to {width}x{height}"
        notices.add("that were aligned", found, "note")
    elif shift := misalignment(images[0], images[1]):
        way = "--align does" if hasattr(args, "align") else "fusing does not align images"
        notices.add(
            "whose sources seem shifted",
            f"{job.sources[1]} seems to lie {shift[0]:+d}, {shift[1]:+d} pixels off "
            f"{job.sources[0]}; {way}",
        )
    return images


def _read_infrared(path: Path, args: argparse.Namespace, notices: Notices) -> Array:
    """Return one channel, in the range that `--ir_range` says."""
    infrared = as_gray(path, read_image(path, physical=True), args.ir_color)
    share = narrow_range(infrared) if args.ir_range == "full" else None
    if share is not None:
        notices.add(
            "with narrow infrared values",
            f"{path}: 98% of the infrared values fill {share:.0%} of their range; "
            "--ir_range percentile spreads them",
        )
    return scale_ir(path, infrared, args.ir_range)


def _resized(job: FusionJob, images: list[Array], args: argparse.Namespace) -> list[Array]:
    if job.kind != "pair" or args.resize is None:
        found = ", ".join(
            f"{path} {image.shape[1]}x{image.shape[0]}"
            for path, image in zip(job.sources, images, strict=True)
        )
        way = "; --resize ir or --resize vis scales one to the other" if job.kind == "pair" else ""
        raise InputError(f"sizes differ: {found}{way} (scaling does not align them)")
    visible, infrared = images
    if args.resize == "ir":
        return [visible, resize_to(infrared, *visible.shape[:2])]
    return [resize_to(visible, *infrared.shape[:2]), infrared]
