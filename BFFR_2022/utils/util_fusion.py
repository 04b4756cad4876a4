"""Fuse images with a trained TransFuser6: arrays in, an array out."""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.TransFuser6 import ConvNormReLU, Grams, TransFuser6
from utils.common.image import Array, from_unit, to_unit
from utils.common.tile import Tile, TiledFusion, TileFunction, tiles
from utils.util_device import memory_format, resolve_device
from utils.util_weights import load_model
from utils.utils import InputError

TILE = {"cpu": 512, "cuda": 1024, "mps": 1024}  # pixels; the first pass and halos cost most
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "fuser.safetensors"


class ImageFusion(TiledFusion):
    """TransFuser6 on images of any size.

        fused = ImageFusion().fuse([visible, infrared])

    Attention sums over all pixels, so a first pass over the tiles gathers its sums.

    Args:
        weights: A weights file or checkpoint; the repository's own by default.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        tile: See `TiledFusion`; by default an image that has no more pixels than a tile with its
            halo is fused whole, which saves the first pass.
        color: Colour result where the visible image has colour.
        stretch: `none` clips; `minmax` also maps the least and the greatest value of all channels
            of the clipped result to 0 and 1, as the official code does when it saves; `max` maps
            the greatest alone.
        authors_quirks: Treat B, G, R as R, G, B, as the official code did when it made its weights.

    Raises:
        InputError: weights that are absent, unreadable or not BFFR's.
    """

    stride = TransFuser6.stride
    min_side = TransFuser6.min_side
    default_tile = TILE
    whole_pixels = 0  # an image of so many or fewer is fused whole

    def __init__(
        self,
        weights: Path | None = None,
        device: str = "auto",
        tile: int | None = None,
        color: bool = True,
        stretch: str = "none",
        authors_quirks: bool = False,
    ) -> None:
        self.weights = weights or WEIGHTS
        self.model, self.form = load_model(self.weights)
        where = resolve_device(device)
        super().__init__(where, 1, TransFuser6.receptive_radius, tile, color, stretch)
        if tile is None:
            self.whole_pixels = (self.tile + 2 * self.receptive_radius) ** 2
        fold_norms(self.model)
        self.model.to(where).to(memory_format=memory_format(where))
        self.authors_quirks = authors_quirks

    def fuse(self, sources: Sequence[Array]) -> Array:
        """Fuse a visible and an infrared image, in this order; see `TiledFusion.fuse`."""
        if len(sources) != 2:
            raise InputError(f"{len(sources)} sources: BFFR fuses a visible and an infrared image")
        if self.stretch == "none":
            return super().fuse(sources)
        first, second = sources
        whole = getattr(first, "dtype", None) in (np.uint8, np.uint16)
        fused = super().fuse([to_unit(first) if whole else first, second])  # floats, not rounded
        low, high = 0.0 if self.stretch == "max" else fused.min(), fused.max()
        if low < high:
            fused = (fused - low) / (high - low)
        return from_unit(fused, first.dtype)

    def planes(self, images: Sequence[Tensor]) -> Tensor:
        """Return what the network takes of the sources, see `TiledFusion.planes`."""
        return super().planes(self._ordered(images))

    def fuse_planes(self, planes: Tensor, grams: Grams | None = None) -> Tensor:
        """Fuse (2, 1, H, W) in [0, 1], visible first, to (1, 1, H, W).

        Args:
            planes: A whole image or a tile.
            grams: Of the whole image; taken from `planes` if absent.
        """
        vis, ir = planes.split(1)
        return self.model(vis, ir, grams)

    @torch.inference_mode()
    def tile_function(self, sources: Sequence[Array]) -> TileFunction:
        """Return what fuses the tiles of these sources, knowing their whole sums."""
        if self._is_whole(sources):
            return self.fuse_planes
        total: Grams = []
        for tile, images in self.source_tiles(sources):
            vis, ir = self.planes(images).split(1)
            found = self.model.grams(vis, ir, tile.keep)
            total = _added(total, found) if total else found
        return partial(self.fuse_planes, grams=total)

    def source_tiles(self, sources: Sequence[Array]) -> Iterator[tuple[Tile, list[Tensor]]]:
        """Yield each tile and its sources, see `TiledFusion.source_tiles`."""
        height, width = sources[0].shape[:2]
        side = 0 if self._is_whole(sources) else self.tile
        for tile in tiles(height, width, side, self.receptive_radius, self.stride):
            yield tile, [self._tensor(source[tile.read]) for source in sources]
            _return_freed_memory()

    def _is_whole(self, sources: Sequence[Array]) -> bool:
        height, width = sources[0].shape[:2]
        fits = height * width <= self.whole_pixels
        return fits or not self.tile or max(height, width) <= self.tile

    def _bounds(self, sources: Sequence[Array], fuse_planes: TileFunction) -> tuple[float, float]:
        """Return 0 and 1: `fuse` stretches when colors are joined and clipped."""
        return 0.0, 1.0

    def _finish(self, fused: Tensor, images: Sequence[Tensor], in_color: bool) -> Tensor:
        finished = super()._finish(fused, self._ordered(images), in_color)
        return self._ordered([finished])[0]

    def _ordered(self, images: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return images of (1, 1 or 3, h, w), B, G, R instead of R, G, B for the quirks."""
        return [image.flip(1) for image in images] if self.authors_quirks else images


def fold_norms(model: TransFuser6) -> None:
    """Put batch norms into the convolutions before them: the same function, faster."""
    for block in list(model.modules()):
        if isinstance(block, ConvNormReLU) and isinstance(block.batch_norm, nn.BatchNorm2d):
            block.conv2d = fuse_conv_bn_eval(block.conv2d, block.batch_norm)
            block.batch_norm = nn.Identity()


def _return_freed_memory() -> None:
    """Return free blocks between used ones to the system, which glibc alone can do.

    Tiles differ in size, so that blocks kept for the next one would not fit it and add up.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _added(one: Grams, other: Grams) -> Grams:
    return [(v + a, i + b) for (v, i), (a, b) in zip(one, other, strict=True)]
