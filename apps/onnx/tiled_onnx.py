"""Run a method's ONNX file on images of any size, whole or tile by tile, with the same result.

The file's metadata say how: docs/deployment.md lists them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from pixels import Array, InputError, from_unit, luma, recolor, to_unit

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WHOLE_PIXELS = 1024 * 1024  # larger images are fused in tiles, if the file can be used so
READ_SIDE = 512  # pixels: of a tile with its margin, which decides how much memory is taken
JOIN: dict[str, Callable[[Array, Array], Array]] = {"sum": np.add, "maximum": np.maximum}


class Tile(NamedTuple):
    """A rectangle of the image and its margin; each is a (rows, columns) pair of slices."""

    read: tuple[slice, slice]  # in the image, with the margin
    write: tuple[slice, slice]  # in the image, without it
    keep: tuple[slice, slice]  # in what was read, without the margin


class OnnxFusion:
    """A method in an ONNX file.

    Args:
        path: A file of `run_export.py`. If tiles need statistics of the whole image, the file that
            measures them, `<name>.statistics.onnx`, lies beside it.
        threads: Of the processor; 0 for all.

    Raises:
        InputError: onnxruntime or a file is missing, or a file is not one of `run_export.py`.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        self.path = path
        self.session, about = _load(path, threads)
        self.statistics = None
        if about["tiles"] in JOIN:
            beside = path.with_suffix(".statistics.onnx")
            self.statistics, other = _load(beside, threads)
            if other != about:
                raise InputError(f"{beside} does not belong to {path}; export both again")
        self.tiles = about["tiles"]
        self.sources = about["sources"].split()
        self.darkest_first = about["order"] == "darkest_first"
        self.channels = int(about["channels"])
        self.luma = [float(weight) for weight in about["luma"].split()]
        self.receptive_radius = int(about["receptive_radius"])
        self.stride = int(about["stride"])
        self.min_side = int(about["min_side"])

    def fuse(self, sources: Sequence[Array], tile: int | None = None) -> Array:
        """Fuse two registered images.

        Args:
            sources: uint8, uint16, or float32 in [0, 1], (H, W) or (H, W, 3) in R, G, B order, in
                the order of `sources`. The first is not floating point.
            tile: Side of the tiles in pixels, 0 for the whole image at once, None for a choice by
                the size of the image.

        Returns:
            The fused image in the type of the first source; in color if a source is.

        Raises:
            InputError: tiles are asked for of a file that fuses whole images only.
        """
        if tile and self.tiles == "whole":
            raise InputError(
                f"{self.path} fuses whole images only, because its attention needs statistics of "
                "the whole image: leave --tile out, or export it by run_export.py --tiled"
            )
        if self.darkest_first:
            sources = sorted(sources, key=lambda s: float(luma(to_unit(s), self.luma).mean()))
        height, width = sources[0].shape[:2]
        bottom, right = (max(0, self.min_side - side) for side in (height, width))
        if bottom or right:  # smaller than the network can reflect
            border = cv2.BORDER_REFLECT
            sources = [cv2.copyMakeBorder(s, 0, bottom, 0, right, border) for s in sources]
        return self._fuse_tiles(sources, self._side(sources, tile))[:height, :width]

    def _side(self, sources: Sequence[Array], tile: int | None) -> int:
        """Return the side of the tiles, 0 for the whole image."""
        height, width = sources[0].shape[:2]
        if tile is None:
            small = self.tiles == "whole" or height * width <= WHOLE_PIXELS
            tile = 0 if small else max(READ_SIDE - 2 * self.receptive_radius, self.stride)
        return max(round_up(tile, self.stride), self.min_side) if tile else 0

    def _fuse_tiles(self, sources: Sequence[Array], side: int) -> Array:
        height, width = sources[0].shape[:2]
        in_color = self.channels == 3 or any(source.ndim == 3 for source in sources)
        fused = np.empty((height, width, 3) if in_color else (height, width), sources[0].dtype)
        divided = list(tiles(height, width, side, self.receptive_radius, self.stride))
        statistics = self._measure(sources, divided) if self.statistics else {}
        for tile in divided:
            images = [to_unit(source[tile.read]) for source in sources]
            [result] = self.session.run(None, {**self._inputs(images), **statistics})
            finished = self._finish(np.asarray(result)[0], images, in_color)
            fused[tile.write] = from_unit(finished[tile.keep], fused.dtype)
        return fused

    def _measure(self, sources: Sequence[Array], divided: Sequence[Tile]) -> dict[str, Array]:
        """Return the statistics of the whole image, joined from those of its tiles."""
        assert self.statistics is not None
        names = [output.name for output in self.statistics.get_outputs()]
        joined: list[Array] = []
        for tile in divided:
            images = [to_unit(source[tile.read]) for source in sources]
            mask = np.zeros((1, 1, *images[0].shape[:2]), np.float32)
            mask[0, 0][tile.keep] = 1
            found = self.statistics.run(None, {**self._inputs(images), "mask": mask})
            pairs = zip(joined, map(np.asarray, found), strict=True)
            joined = [JOIN[self.tiles](a, b) for a, b in pairs] if joined else list(found)
        return dict(zip(names, joined, strict=True))

    def _inputs(self, images: Sequence[Array]) -> dict[str, Array]:
        """Return what the network takes of images in [0, 1]: (1, C, h, w) for each source."""
        planes = []
        for image in images:
            if self.channels == 1:
                planes.append(luma(image, self.luma)[None, None])
            else:
                color = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
                planes.append(np.moveaxis(color, 2, 0)[None])
        return dict(zip(self.sources, map(np.ascontiguousarray, planes), strict=True))

    def _finish(self, fused: Array, images: Sequence[Array], in_color: bool) -> Array:
        """Return the result of a tile, (h, w) or (h, w, 3), of the network's, (C, h, w)."""
        if self.channels == 3:
            return np.moveaxis(fused, 0, 2)
        colored = [image for image in images if image.ndim == 3]
        return recolor(fused[0], colored, self.luma) if in_color else fused[0]


def _load(path: Path, threads: int) -> tuple["InferenceSession", dict[str, str]]:
    """Return a session of onnxruntime, and the file's metadata."""
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors
    except ImportError as error:
        message = "onnxruntime is missing: pip install -r apps/onnx/requirements.txt"
        raise InputError(message) from error
    if not path.is_file():
        raise InputError(f"no such file: {path}; run_export.py of a method writes it")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it would keep the largest tile's memory several times
    options.enable_mem_pattern = False  # tiles differ in size
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf) as e:
        raise InputError(f"{path} cannot be loaded: {e}") from e
    about = dict(session.get_modelmeta().custom_metadata_map)
    if "receptive_radius" not in about:
        raise InputError(f"{path} is not a file that run_export.py has written: it lacks metadata")
    return session, about


def tiles(height: int, width: int, side: int, radius: int, step: int) -> Iterator[Tile]:
    """Yield tiles that cover an image exactly once.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        side: Greatest side of a tile without its margin, a multiple of `step`; 0 for one tile.
        radius: Margin around a tile in pixels, a multiple of `step`; none beyond the image.
        step: Tiles begin at multiples of it.
    """
    for rows in _spans(height, side, radius, step):
        for columns in _spans(width, side, radius, step):
            yield Tile(*zip(rows, columns, strict=True))


def _spans(length: int, side: int, radius: int, step: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield what is read, written and kept along one side of an image."""
    count = math.ceil(length / side) if side else 1
    side = round_up(math.ceil(length / count), step)
    for start in range(0, length, side):
        stop = min(start + side, length)
        low, high = max(0, start - radius), min(length, stop + radius)
        yield slice(low, high), slice(start, stop), slice(start - low, stop - low)


def round_up(length: int, stride: int) -> int:
    """Return the least multiple of a stride that is not below a length, in pixels."""
    return -(-length // stride) * stride
