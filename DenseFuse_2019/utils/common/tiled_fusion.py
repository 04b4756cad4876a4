# From common_code/base/utils/common/tiled_fusion.py; edit it there, then tools/sync.py.
"""Fuse images tile by tile, with the same result as on the whole image."""

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from utils.common.color import luma, recolor
from utils.common.covered import Covered
from utils.common.tile import Tile, round_up, tiles
from utils.common.values import Image, Pixels, as_pixels, channels_first, from_unit, mirror, to_unit
from utils.util_device import (
    check_precision,
    has_bfloat16,
    keep_freed_memory,
    memory_format,
    resolve_device,
)

TILE = {"cpu": 512, "cuda": 1024, "mps": 1024}  # pixels; on a CPU small maps are fastest
TRIALS = 3  # of each precision, for `auto`; the first warms up

TileFunction = Callable[[Tensor], Tensor]
Steady = Callable[[float, float], tuple[float, float]]


def as_found(low: float, high: float) -> tuple[float, float]:
    """Return the bounds of a stretch as they were found in the image (a `Steady`)."""
    return low, high


class FusionOptions(TypedDict, total=False):
    """What `ImageFusion` of every method takes; see `TiledFusion`."""

    device: str
    tile: int | None
    color: bool
    stretch: str
    precision: str


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
        precision: `float32`, `bfloat16` (convolutions under autocast, a few gray levels off), or
            `auto`, the faster of the two on the first images; `trial` then says what it measured.

    Raises:
        InputError: a device that this machine does not have, or bfloat16 on one without it.
    """

    stride = 1  # pixels: of the network's coarsest scale
    min_side = 2  # pixels: a smaller image is mirrored up to it, and cut back
    default_tile: Mapping[str, int] = TILE
    model: nn.Module
    trial = ""

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
        precision: str = "float32",
    ) -> None:
        keep_freed_memory()
        self.process = os.getpid()
        self.device = resolve_device(device)
        self.precision = check_precision(precision, self.device)
        self.memory_format = memory_format(self.device)
        self.model = model.eval().to(self.device).to(memory_format=self.memory_format)
        self.channels = channels
        self.receptive_radius = round_up(receptive_radius, self.stride)
        side = self.default_tile[self.device.type] if tile is None else tile
        self.tile = max(round_up(side, self.stride), self.min_side) if side else 0
        self.color = color
        self.stretch = stretch

    @abstractmethod
    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse a tile: (N, C, H, W) in [0, 1] to (1, C, H, W), neither clipped nor stretched."""

    def tile_function(self, sources: Sequence[Pixels]) -> TileFunction:
        """Return the function that fuses one tile of these sources, `fuse_planes` by default.

        Override it if tiles need statistics of the whole image.
        """
        return self.fuse_planes

    def receptive_radius_of(self, count: int) -> int:
        """Return the receptive radius of fusing `count` sources, in pixels."""
        return self.receptive_radius

    def fuse(self, sources: Sequence[Image], *, steady: Steady = as_found) -> Image:
        """Fuse two or more registered images.

        The visible image comes first, the infrared image second. Which infrared values mean 0 and
        1 must be settled before, as `infrared.scale_ir` does for `--ir_range`.

        Args:
            sources: Images of one size: NumPy arrays, (H, W) or (H, W, 3), or tensors, (1, H, W)
                or (3, H, W), with channels in the order R, G, B. Values are uint8 (0-255), uint16
                (0-65,535), or floating point in [0, 1]; they may differ in type. Tensors stay on
                their device if it is the method's.
            steady: Takes the values that `stretch` would map to 0 and 1, and returns those that
                it maps; for video, where these must not jump from frame to frame.

        Returns:
            An image as the first source is, in its type and clipped to its range, a tensor on its
            device. It has three channels if a source has color (or the network is RGB) and color
            is wanted, else one.

        Raises:
            InputError: fewer than two sources, arrays beside tensors, unequal sizes, a side of one
                pixel, an alpha channel, another type, or floating-point values outside [0, 1].
        """
        images = as_pixels(sources)
        if os.getpid() != self.process:  # after a fork, OpenMP waits for threads that are not there
            torch.set_num_threads(1)
            self.process = os.getpid()
        if self.precision == "auto":
            self.precision = self._faster_precision(images)
        fused = self._fuse(images, self.precision, steady)
        if isinstance(sources, Covered):
            return sources.keep_first(fused)
        return channels_first(fused) if isinstance(sources[0], Tensor) else fused

    def _fuse(self, sources: Sequence[Pixels], precision: str, steady: Steady = as_found) -> Pixels:
        """Fuse images of (H, W) or (H, W, 3), arrays or tensors."""
        height, width = sources[0].shape[:2]
        if min(height, width) < self.min_side:
            sides = max(height, self.min_side), max(width, self.min_side)
            mirrored = [mirror(source, *sides) for source in sources]
            return self._fuse(mirrored, precision, steady)[:height, :width]
        in_color = self.color and (self.channels == 3 or any(s.ndim == 3 for s in sources))
        result = _empty((height, width, 3) if in_color else (height, width), sources[0])
        half = precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, half):
            fuse_tile = self.tile_function(sources)
            low, high = self._bounds(sources, fuse_tile, steady)
            for tile, images in self.source_tiles(sources):
                fused = fuse_tile(self.planes(images)).float()
                pixels = self._finish((fused - low) / (high - low), images, in_color)
                kept = pixels[0].movedim(0, 2)[tile.keep]
                _put(result, tile, kept if in_color else kept[..., 0])
        return result

    def source_tiles(self, sources: Sequence[Pixels]) -> Iterator[tuple[Tile, list[Tensor]]]:
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

    def _tensor(self, pixels: Pixels) -> Tensor:
        """Return an image, (h, w) or (h, w, 3), as (1, 1 or 3, h, w) in [0, 1]."""
        image = torch.as_tensor(to_unit(pixels), device=self.device)
        return image[None, None] if image.ndim == 2 else image.movedim(2, 0)[None]

    def _bounds(
        self, sources: Sequence[Pixels], fuse_tile: TileFunction, steady: Steady
    ) -> tuple[float, float]:
        """Return the values of the fused image that become 0 and 1, see `_stretched`."""
        if self.stretch == "none":
            return 0.0, 1.0
        low, high = math.inf, -math.inf
        for tile, images in self.source_tiles(sources):
            rows, columns = tile.keep
            kept = fuse_tile(self.planes(images))[..., rows, columns]
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
        return self._stretched(low, high, steady)

    def _stretched(self, low: float, high: float, steady: Steady) -> tuple[float, float]:
        """Return what becomes 0 and 1 in an image with these least and greatest values.

        It is 0 and 1 themselves if nothing can be stretched: `minmax` of a uniform image, or `max`
        of an image without a value above 0.
        """
        low, high = steady(0.0 if self.stretch == "max" else low, high)
        return (low, high) if low < high else (0.0, 1.0)

    def _finish(self, fused: Tensor, images: Sequence[Tensor], in_color: bool) -> Tensor:
        """Return the tile's result: (1, 3, h, w) in color, else (1, 1, h, w)."""
        if not in_color:
            return luma(fused)
        color_sources = [image for image in images if image.shape[1] == 3]
        return recolor(fused, color_sources) if self.channels == 1 else fused

    def _faster_precision(self, sources: Sequence[Pixels]) -> str:
        """Return the precision that is faster on the first tile, and keep the times in `trial`."""
        if not has_bfloat16(self.device):
            self.trial = f"{self.device} has no bfloat16"
            return "float32"
        height, width = sources[0].shape[:2]
        first = next(tiles(height, width, self.tile, self.receptive_radius, self.stride))
        seconds = {}
        for precision in ("float32", "bfloat16"):
            times = []
            for _ in range(TRIALS):
                start = time.perf_counter()
                self._fuse([source[first.read] for source in sources], precision)
                if self.device.type != "cpu":
                    torch.accelerator.synchronize()
                times.append(time.perf_counter() - start)
            seconds[precision] = min(times[1:])
        self.trial = ", ".join(f"{name} {time:.3f} s a tile" for name, time in seconds.items())
        return min(seconds, key=seconds.__getitem__)


def _empty(shape: tuple[int, ...], like: Pixels) -> Pixels:
    """Return an array or a tensor for the result, of the type and on the device of a source."""
    return like.new_empty(shape) if isinstance(like, Tensor) else np.empty(shape, like.dtype)


def _put(result: Pixels, tile: Tile, kept: Tensor) -> None:
    """Write a tile's kept pixels, (h, w) or (h, w, 3) in [0, 1], into the result."""
    pixels: Pixels = kept if isinstance(result, Tensor) else kept.cpu().numpy()
    result[tile.write] = from_unit(pixels, result.dtype)
