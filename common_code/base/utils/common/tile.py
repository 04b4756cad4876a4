# From common_code/base/utils/common/tile.py; edit it there, then tools/sync.py.
"""Divide an image into tiles whose results together are that of the whole image.

A result pixel depends on source pixels up to the network's receptive radius away. Each tile is
therefore read with a margin of that radius, and only its middle is kept. There is no margin beyond
the image's true border, where the network's own padding acts as it does on the whole image. If a
network pools, tiles and margins are multiples of its stride, so that all tiles pool the same
squares.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """Where to read with the receptive_radius, and where the kept part lies in image and tile.

    Each is a (rows, columns) pair of slices.
    """

    read: tuple[slice, slice]
    write: tuple[slice, slice]
    keep: tuple[slice, slice]


def tiles(
    height: int, width: int, side: int, receptive_radius: int, step: int = 1
) -> Iterator[Tile]:
    """Yield tiles that cover an image exactly once, row by row.

    The image is divided evenly: no tile is much smaller than the others.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        side: Greatest side of a kept rectangle, in pixels, a multiple of `step`; 0 takes the whole
            image at once.
        receptive_radius: Margin that is read around a kept rectangle, in pixels.
        step: Tiles begin at multiples of it.
    """
    for rows in _spans(height, side, receptive_radius, step):
        for columns in _spans(width, side, receptive_radius, step):
            yield Tile(*zip(rows, columns, strict=True))


def _spans(
    length: int, side: int, receptive_radius: int, step: int
) -> Iterator[tuple[slice, slice, slice]]:
    """Yield what is read, written and kept along one side of an image."""
    count = math.ceil(length / side) if side else 1
    side = round_up(math.ceil(length / count), step)
    for start in range(0, length, side):
        stop = min(start + side, length)
        low, high = max(0, start - receptive_radius), min(length, stop + receptive_radius)
        yield slice(low, high), slice(start, stop), slice(start - low, stop - low)


def round_up(length: int, stride: int) -> int:
    """Return the least multiple of a stride that is not below a length, in pixels."""
    return -(-length // stride) * stride
