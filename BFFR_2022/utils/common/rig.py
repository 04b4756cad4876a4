# From common_code/infrared/utils/common/rig.py; edit it there, then tools/sync.py.
"""Registration of two cameras on one mount: one transform for many pairs, or for a video."""

import argparse
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import cv2
import numpy as np

from utils.common.align import to_pixels
from utils.common.image import read_image
from utils.common.pairs import FusionJob
from utils.common.registration import FAILED, Registration, describe, register
from utils.common.values import Array
from utils.common.video_paths import is_video
from utils.common.video_read import VideoError, open_video
from utils.utils import InputError

MOST = 60  # pairs, evenly by name, or frames of a video, from the first on
WINDOW = 10  # estimates of a video whose median is taken
EVERY = 25  # frames: how often a video is estimated once there are so many
WEIGHT = 0.1  # of the new median in a frame; the rest is that of the frame before


def combine(
    found: Sequence[Registration], shape: Sequence[int], infrared_shape: Sequence[int]
) -> Registration:
    """Return the median of transforms, entry by entry, in coordinates centered on the image."""
    grid, infrared_grid = to_pixels(shape), to_pixels(infrared_shape)
    outward = [np.linalg.inv(grid) @ each.matrix @ infrared_grid for each in found]
    median = np.median([each / each[2, 2] for each in outward], axis=0)
    matrix = grid @ median @ np.linalg.inv(infrared_grid)
    sure = float(np.median([each.confidence for each in found]))
    return describe(matrix, shape, infrared_shape, sure)


def corner_distance(first: Array, second: Array, infrared_shape: Sequence[int]) -> float:
    """Return the mean distance at which two transforms put the infrared corners, in pixels."""
    height, width = infrared_shape[:2]
    corners = np.array([[[0, 0]], [[width, 0]], [[width, height]], [[0, height]]]) - 0.5
    there = [cv2.perspectiveTransform(corners, matrix) for matrix in (first, second)]
    return float(np.linalg.norm(there[0] - there[1], axis=2).mean())


def find_rig(jobs: Sequence[FusionJob], args: argparse.Namespace) -> tuple[Registration, str]:
    """Return the one transform of all pairs or frames, and in words from how many it was found.

    Args:
        jobs: Pairs of images or videos. Of many, an even choice is looked at.
        args: Parsed flags of `add_pair_flags` and `add_video_flags`.

    Raises:
        InputError: the sizes differ, or no pair can be registered.
    """
    found, shapes = [], []
    for visible, infrared in _samples(jobs, args):
        shapes.append((visible.shape[:2], infrared.shape[:2]))
        if shapes[-1] != shapes[0]:
            sizes = " and ".join(str(shape) for shape in (shapes[0], shapes[-1]))
            raise InputError(
                f"--register_rig needs images of one size, found {sizes}; leave it out"
            )
        found.append(register(visible, infrared, args.register))
    taken = [each for each in found if each.status != FAILED]
    if not taken:
        raise InputError(
            f"--register_rig: none of {len(found)} pairs could be registered; give a transform "
            "with --register_from"
        )
    rig = combine(taken, *shapes[0])
    spread = np.median([corner_distance(each.matrix, rig.matrix, shapes[0][1]) for each in taken])
    return rig, f"from {len(taken)} of {len(found)} pairs, which spread by {spread:.1f} pixels"


def _samples(jobs: Sequence[FusionJob], args: argparse.Namespace) -> Iterator[tuple[Array, Array]]:
    """Yield visible and infrared images to estimate a rig from, in their own values.

    An image that cannot be read is left out here; its pair is reported when it would be fused.
    """
    for index in np.unique(np.linspace(0, len(jobs) - 1, min(len(jobs), MOST)).round()):
        visible, infrared = jobs[int(index)].sources
        if not is_video(visible):
            with suppress(InputError):
                yield read_image(visible), read_image(infrared, physical=True)
            continue
        try:
            streams = [open_video(path).frames(args.start) for path in (visible, infrared)]
            yield from islice(zip(*streams, strict=False), min(MOST, args.frames or MOST))
        except VideoError as error:
            raise InputError(str(error)) from error


class Track:
    """The transform of a video, smoothed over time.

    Every frame is estimated until there are `WINDOW` estimates, then one of `EVERY` frames. Their
    median is approached by `WEIGHT` a frame. When an estimate is refused, those before it are
    dropped, the last transform is kept, and all frames are estimated again.

    Args:
        model: See `register`.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.number = 0
        self.recent: deque[Registration] = deque(maxlen=WINDOW)
        self.current: Registration | None = None

    def __call__(self, visible: Array, infrared: Array) -> Registration:
        """Return the transform of the next frame; it has failed if none has been found so far."""
        due = len(self.recent) < WINDOW or self.number % EVERY == 0
        self.number += 1
        if due:
            found = register(visible, infrared, self.model)
            if found.status == FAILED:
                self.recent.clear()
                return self.current or found
            self.recent.append(found)
        shapes = visible.shape[:2], infrared.shape[:2]
        median = combine(self.recent, *shapes)
        if self.number <= WINDOW or self.current is None:
            self.current = median
        else:
            before = self.current.matrix
            matrix = before + WEIGHT * (median.matrix - before)
            self.current = describe(matrix, *shapes, median.confidence)
        return self.current
