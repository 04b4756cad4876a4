# From common_code/infrared/utils/common/registered_pairs.py; edit it there, then tools/sync.py.
"""Read pairs and bring the infrared image onto the visible one: `--register`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from utils.common.align import MIN_CONFIDENCE, to_pixels, warp
from utils.common.covered import Covered
from utils.common.files import is_complete
from utils.common.image import resize_to
from utils.common.infrared import read_pair, read_values
from utils.common.names import strip_mark
from utils.common.pairs import FusionJob
from utils.common.registration import ALIGNED, FAILED, Registration, describe, register
from utils.common.registration_csv import (
    ALL,
    add_row,
    go_on_with_table,
    read_table,
    start_table,
)
from utils.common.rig import Track, find_rig
from utils.common.sources import FILES, Inputs, Notices, Reader
from utils.common.values import Array
from utils.common.video_paths import is_video
from utils.utils import InputError

FEATHER = 0.04  # of the width: over which the infrared image fades in from its border


def pair_reader(args: argparse.Namespace, jobs: Sequence[FusionJob] = ()) -> Reader:
    """Return what reads pairs, with registration if the flags ask for it.

    Args:
        args: Parsed flags of `add_pair_flags`.
        jobs: What will be read; a rig is found from it.

    Raises:
        InputError: flags that do not go together, a table that cannot be read or written, or a rig
            that cannot be found.
    """
    if args.register_from and args.register != "none":
        raise InputError("--register finds transforms and --register_from reads them; give one")
    wanted = args.register != "none" or args.register_from
    for flag in ("register_to", "register_rig"):
        if getattr(args, flag) and args.register == "none":
            raise InputError(f"--{flag} needs --register similarity, affine or homography")
    if args.register_rig and args.shard:
        raise InputError(
            "--register_rig would find a transform of its own in each --shard; find one from some "
            "pairs with --register_to, and give it to all shards with --register_from"
        )
    if not wanted:
        return read_pair
    if args.resize:
        raise InputError("registered images have the size of the visible one; leave --resize out")
    if jobs and all(job.kind != "pair" for job in jobs):
        raise InputError("--register brings infrared images onto visible ones; leave it out")
    return RegisteredPairs(args, [job for job in jobs if job.kind == "pair"])


class RegisteredPairs:
    """A `Reader` that registers.

    Args:
        args: Parsed flags of `add_pair_flags`.
        jobs: Pairs that a rig is found from.
    """

    def __init__(self, args: argparse.Namespace, jobs: Sequence[FusionJob]) -> None:
        self.table = read_table(args.register_from) if args.register_from else {}
        self.tracks: dict[Path, Track] = {}
        self.frames: Counter[Path] = Counter()
        self.rig: Registration | None = None
        self.written: Path | None = args.register_to
        if self.written:
            self.written = args.shard.name(self.written) if args.shard else self.written
            _begin(self.written, jobs, args)
        if args.register_rig:
            self.rig, origin = find_rig(jobs, args)
            print(f"Rig: {in_words(self.rig)}; {origin}")
            if self.written:
                add_row(self.written, ALL, self.rig)

    def __call__(
        self, job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
    ) -> list[Array]:
        """Read a pair, register it, and say what was found.

        Returns:
            The visible image, and the infrared one on its grid.

        Raises:
            InputError: unreadable, or not registered without `--register_failed keep`.
        """
        visible, infrared = read_values(job, args, notices, inputs)
        name = name_of(job)
        names = [name]
        if is_video(job.sources[0]):
            names.insert(0, f"{name} {args.start + self.frames[job.sources[0]]}")
            self.frames[job.sources[0]] += 1
        found = self._find(job, args, names, visible, infrared)
        if self.written and not self.rig:
            add_row(self.written, names[0], found)
        notices.add(f"results of registering {name}", f"{names[0]}: {in_words(found)}", "note")
        if found.status == FAILED and args.register_failed != "keep":
            raise InputError(
                f"could not register {job.sources[1]} onto {job.sources[0]} (confidence "
                f"{found.confidence:.2f}, needed {MIN_CONFIDENCE}); --register_failed keep fuses "
                "it as it is, --register_from takes a known transform"
            )
        same_size = visible.shape[:2] == infrared.shape[:2]
        if found.status == FAILED or (found.status == ALIGNED and same_size):
            return [visible, resize_to(infrared, *visible.shape[:2]) if not same_size else infrared]
        return place(visible, infrared, found.matrix)

    def _find(
        self,
        job: FusionJob,
        args: argparse.Namespace,
        names: Sequence[str],
        visible: Array,
        infrared: Array,
    ) -> Registration:
        """Return the transform of a pair; of its `names` in the table, the first counts."""
        if self.rig:
            return self.rig
        if args.register_from:
            row = next((self.table[name] for name in (*names, ALL) if name in self.table), None)
            if not row:
                raise InputError(f"{args.register_from} (--register_from) has no row {names[0]}")
            found = describe(row.matrix, visible.shape, infrared.shape, row.confidence)
            return replace(found, status=row.status)
        if is_video(job.sources[0]):
            track = self.tracks.setdefault(job.sources[0], Track(args.register))
            return track(visible, infrared)
        return register(visible, infrared, args.register)


def name_of(job: FusionJob) -> str:
    """Return what a pair is called in tables of transforms."""
    return strip_mark(job.sources[0].stem, "vis")


def _begin(path: Path, jobs: Sequence[FusionJob], args: argparse.Namespace) -> None:
    """Begin a table, or with `--skip_existing` go on with it.

    Raises:
        InputError: it exists and may not be replaced, or two pairs have one name.
    """
    names = Counter(map(name_of, jobs))
    if twice := [name for name, count in names.items() if count > 1]:
        raise InputError(f"--register_to: {names[twice[0]]} pairs are called {twice[0]}")
    if not args.skip_existing:
        start_table(path, args.overwrite)
        return
    redone = {name_of(job) for job in jobs if not is_complete(job.output)} | {ALL}
    frames = {name_of(job) for job in jobs if is_video(job.sources[0])} & redone
    go_on_with_table(path, lambda row: row in redone or row.rpartition(" ")[0] in frames)


def in_words(found: Registration) -> str:
    """Return what was found, in one line."""
    return (
        f"{found.status}, shift {found.shift[0]:+.1f} {found.shift[1]:+.1f} pixels, rotation "
        f"{found.rotation:+.2f} degrees, scale {found.scale:.3f}, corners moved by "
        f"{found.displacement:.1f} pixels, confidence {found.confidence:.2f}"
    )


def place(visible: Array, infrared: Array, matrix: Array) -> Covered:
    """Return a visible image and the infrared one on its grid.

    Where the infrared image has no content, its border is repeated, because any other values would
    make an edge for the method to fuse; there, the result is the visible image alone (`Covered`).
    It fades in from its border over a twenty-fifth of the width.

    Args:
        visible: (H, W) or (H, W, 3), 8 or 16 bits.
        infrared: (h, w), 8 or 16 bits, or float32 in [0, 1].
        matrix: From infrared to visible pixels, (3, 3).
    """
    finer = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))  # visible pixels per infrared pixel
    if finer < 0.75:  # the infrared image is larger: averaged, not sampled
        height, width = (max(2, round(side * finer)) for side in infrared.shape)
        matrix = (
            matrix
            @ to_pixels(infrared.shape)
            @ np.linalg.inv(to_pixels((height, width), infrared.shape[0] / infrared.shape[1]))
        )
        infrared = resize_to(infrared, height, width)
    shape = visible.shape[:2]
    inverse = np.linalg.inv(matrix)
    content = warp(np.ones(infrared.shape, np.float32), inverse, shape, cv2.BORDER_CONSTANT) > 0.999
    drawn = warp(infrared, inverse, shape, cv2.BORDER_REPLICATE)
    inward = cv2.distanceTransform(content.astype(np.uint8), cv2.DIST_L2, 5)
    share = (inward / max(1.0, FEATHER * shape[1])).clip(0, 1).astype(np.float32)
    return Covered([visible, drawn], share)
