# From common_code/base/utils/common/tile.py; edit it there, then tools/sync.py.
"""Fuse images tile by tile, with the same result as on the whole image.

A result pixel depends on source pixels up to the network's receptive radius away. Each tile is
therefore read with a margin of that radius, and only its middle is kept. There is no margin beyond
the image's true border, where the network's own padding acts as it does on the whole image. If a
network pools, tiles and margins are multiples of its stride, so that all tiles pool the same
squares.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from utils.common.color import luma, recolor
from utils.common.image import Array, from_unit, to_unit
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.utils import InputError

TILE = {"cpu": 512, "cuda": 1024, "mps": 1024}  # pixels; on a CPU small maps are fastest

TileFunction = Callable[[Tensor], Tensor]


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
    side = _round_up(math.ceil(length / count), step)
    for start in range(0, length, side):
        stop = min(start + side, length)
        low, high = max(0, start - receptive_radius), min(length, stop + receptive_radius)
        yield slice(low, high), slice(start, stop), slice(start - low, stop - low)


def _round_up(length: int, stride: int) -> int:
    return -(-length // stride) * stride


class TiledFusion(ABC):
    """Fuse registered images of any size within the memory of one tile.

    A method fuses one tile in `fuse_planes`. If that needs statistics of the whole image, it
    overrides `tile_function`, which gathers them.

    Args:
        model: The method's network.
        channels: 1 if it takes luma, 3 if it takes R, G and B.
        receptive_radius: Of fusing two sources, in pixels.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        tile: Side of a tile in pixels, 0 for whole images, None for `default_tile` of the device.
        color: Give the result the color of its sources; otherwise only luma is fused.
        stretch: `none` clips the result to [0, 1]; `minmax` maps its least and greatest value
            to 0 and 1, and `max` maps 0 and its greatest value to 0 and 1. The authors' programs
            did one or the other when they saved.

    Raises:
        InputError: a device that this machine does not have.
    """

    stride = 1  # pixels: of the network's coarsest scale
    min_side = 2  # pixels: a smaller image is mirrored up to it, and cut back
    default_tile: Mapping[str, int] = TILE
    model: nn.Module

    def __init__(
        self,
        model: nn.Module,
        *,
        channels: int,
        receptive_radius: int,
        device: str = "auto",
        tile: int | None = None,
        color: bool = True,
        stretch: str = "none",
    ) -> None:
        keep_freed_memory()
        self.device = resolve_device(device)
        self.memory_format = memory_format(self.device)
        self.model = model.eval().to(self.device).to(memory_format=self.memory_format)
        self.channels = channels
        self.receptive_radius = _round_up(receptive_radius, self.stride)
        side = self.default_tile[self.device.type] if tile is None else tile
        self.tile = max(_round_up(side, self.stride), self.min_side) if side else 0
        self.color = color
        self.stretch = stretch

    @abstractmethod
    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse a tile: (N, C, H, W) in [0, 1] to (1, C, H, W), neither clipped nor stretched."""

    def tile_function(self, sources: Sequence[Array]) -> TileFunction:
        """Return the function that fuses one tile of these sources, `fuse_planes` by default.

        Override it if tiles need statistics of the whole image.
        """
        return self.fuse_planes

    def receptive_radius_of(self, count: int) -> int:
        """Return the receptive radius of fusing `count` sources, in pixels."""
        return self.receptive_radius

    @torch.inference_mode()
    def fuse(self, sources: Sequence[Array]) -> Array:
        """Fuse two or more registered images.

        The visible image comes first, the infrared image second. Which infrared values mean 0 and
        1 must be settled before, as `infrared.scale_ir` does for `--ir_range`.

        Args:
            sources: Arrays of one size, (H, W) or (H, W, 3) with channels in the order R, G, B;
                uint8 (0-255), uint16 (0-65,535), or floating point in [0, 1]. They may differ in
                type.

        Returns:
            (H, W), or (H, W, 3) if a source has color (or the network is RGB) and color is
            wanted, in the type of the first source, clipped to its range.

        Raises:
            InputError: fewer than two sources, unequal sizes, a side of one pixel, an alpha
                channel, another type, or floating-point values outside [0, 1].
        """
        check_sources(sources)
        height, width = sources[0].shape[:2]
        if min(height, width) < self.min_side:
            below, right = (max(0, self.min_side - side) for side in (height, width))
            mirrored = [_mirror(source, below, right) for source in sources]
            return TiledFusion.fuse(self, mirrored)[:height, :width]  # an override runs once only
        fuse_tile = self.tile_function(sources)
        low, high = 0.0, 1.0
        if self.stretch != "none":
            low, high = self._bounds(sources, fuse_tile)
        in_color = self.color and (self.channels == 3 or any(s.ndim == 3 for s in sources))
        result = np.empty((height, width, 3) if in_color else (height, width), sources[0].dtype)
        for tile, images in self.source_tiles(sources):
            fused = fuse_tile(self.planes(images))
            pixels = self._finish((fused - low) / (high - low), images, in_color)
            kept = pixels[0].permute(1, 2, 0).cpu().numpy()[tile.keep]
            result[tile.write] = from_unit(kept if in_color else kept[..., 0], result.dtype)
        return result

    def source_tiles(self, sources: Sequence[Array]) -> Iterator[tuple[Tile, list[Tensor]]]:
        """Yield each tile and its sources, (1, 1 or 3, h, w) in [0, 1]."""
        height, width = sources[0].shape[:2]
        radius = self.receptive_radius_of(len(sources))
        for tile in tiles(height, width, self.tile, radius, self.stride):
            yield tile, [self._tensor(source[tile.read]) for source in sources]

    def planes(self, images: Sequence[Tensor]) -> Tensor:
        """Return what the network takes of N sources, (1, 1 or 3, h, w): (N, C, h, w)."""
        if self.channels == 1:
            planes = torch.cat([luma(image) for image in images])
        else:
            planes = torch.cat([image.expand(-1, 3, -1, -1) for image in images])
        return planes.contiguous(memory_format=self.memory_format)

    def _tensor(self, pixels: Array) -> Tensor:
        """Return an array, (h, w) or (h, w, 3), as (1, 1 or 3, h, w) in [0, 1]."""
        image = torch.from_numpy(to_unit(pixels)).to(self.device)
        return image[None, None] if image.ndim == 2 else image.permute(2, 0, 1)[None]

    def _bounds(self, sources: Sequence[Array], fuse_tile: TileFunction) -> tuple[float, float]:
        """Return the values of the fused image that become 0 and 1.

        They are 0 and 1 themselves if nothing can be stretched: `minmax` of a uniform image, or
        `max` of an image without a value above 0.
        """
        low, high = math.inf, -math.inf
        for tile, images in self.source_tiles(sources):
            rows, columns = tile.keep
            kept = fuse_tile(self.planes(images))[..., rows, columns]
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
        low = 0.0 if self.stretch == "max" else low
        return (low, high) if low < high else (0.0, 1.0)

    def _finish(self, fused: Tensor, images: Sequence[Tensor], in_color: bool) -> Tensor:
        """Return the tile's result: (1, 3, h, w) in color, else (1, 1, h, w)."""
        if not in_color:
            return luma(fused)
        color_sources = [image for image in images if image.shape[1] == 3]
        return recolor(fused, color_sources) if self.channels == 1 else fused


def _mirror(pixels: Array, below: int, right: int) -> Array:
    return np.pad(pixels, [(0, below), (0, right), (0, 0)][: pixels.ndim], mode="symmetric")


def check_sources(sources: Sequence[Array]) -> None:
    """Refuse what `TiledFusion.fuse` would misread.

    Raises:
        InputError: see there.
    """
    if len(sources) < 2:
        raise InputError(f"{len(sources)} source to fuse, at least 2 are needed")
    for number, source in enumerate(sources, 1):
        name = f"source {number} of {len(sources)}"
        if not isinstance(source, np.ndarray):
            raise InputError(f"{name} is a {type(source).__name__}; give a NumPy array")
        if source.ndim not in (2, 3) or (source.ndim == 3 and source.shape[2] != 3):
            alpha = " (drop the alpha channel)" if source.ndim == 3 and source.shape[2] == 4 else ""
            raise InputError(f"{name} has shape {source.shape}; give (H, W) or (H, W, 3){alpha}")
        if source.dtype.kind == "f":
            low, high = (source.min(), source.max()) if source.size else (0, 0)
            if not (low >= 0 and high <= 1):  # neither is true of NaN
                raise InputError(
                    f"{name} holds {source.dtype} values from {low:g} to {high:g}; floating-point "
                    "values must be in [0, 1]: divide them by their full range first"
                )
        elif source.dtype not in (np.uint8, np.uint16):
            raise InputError(
                f"{name} holds {source.dtype} values; give uint8, uint16, or floating point in "
                "[0, 1]"
            )
    sizes = {source.shape[:2] for source in sources}
    if len(sizes) > 1:
        found = ", ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise InputError(f"sources differ in size ({found}); they must be registered")
    if min(sources[0].shape[:2]) < 2:
        raise InputError("a side of one pixel cannot be fused; at least 2 are needed")
