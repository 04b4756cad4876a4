"""Fuse images with a trained TransFuser6: arrays in, an array out."""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import Unpack

from models.TransFuser6 import TransFuser6
from utils import HERE
from utils.common.covered import Covered
from utils.common.tile import Tile, tiles
from utils.common.tiled_fusion import (
    FusionOptions,
    Steady,
    TiledFusion,
    TileFunction,
    as_found,
)
from utils.common.values import Image, Pixels, as_pixels, from_unit, to_unit
from utils.util_fast import Grams, fold_norms, fuse_tile, measure_grams, sum_grams, use_fast_form
from utils.util_weights import load_model
from utils.utils import InputError

TILE = {"cpu": 512, "cuda": 1024, "mps": 1024}  # pixels; smaller tiles repeat more at their borders
WEIGHTS = HERE / "weights" / "fuser" / "model.safetensors"


class ImageFusion(TiledFusion):
    """TransFuser6 on images of any size.

        fused = ImageFusion().fuse([visible, infrared])

    Attention sums over all pixels, so a first pass over the tiles collects its sums.

    Args:
        weights: A weights file or checkpoint; by default this repository's own.
        model: A network to use instead of a file; it is copied.
        authors_quirks: Treat B, G, R as R, G, B, as the official code did to train its weights.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`. By default an image with no more pixels than a tile with its border is
            fused as a whole, which saves the first pass. `stretch` is of all channels of the
            clipped result, as the official code does when it saves.

    Raises:
        InputError: the weights are missing, unreadable or not BFFR's.
    """

    stride = TransFuser6.stride
    min_side = TransFuser6.min_side
    default_tile = TILE
    model: TransFuser6
    whole_pixels = 0  # an image with at most this many pixels is fused as a whole

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: TransFuser6 | None = None,
        authors_quirks: bool = False,
        **options: Unpack[FusionOptions],
    ) -> None:
        self.weights = weights or WEIGHTS
        if model is None:
            model, self.form = load_model(self.weights)
        else:
            model, self.form = deepcopy(model), "a given network"
        use_fast_form(model)
        fold_norms(model.eval())
        super().__init__(
            model,
            channels=1,
            receptive_radius=TransFuser6.receptive_radius,
            **options,
        )
        if options.get("tile") is None:
            self.whole_pixels = (self.tile + 2 * self.receptive_radius) ** 2
        self.authors_quirks = authors_quirks

    def fuse(self, sources: Sequence[Image], *, steady: Steady = as_found) -> Image:
        """Fuse a visible and an infrared image, in this order; see `TiledFusion.fuse`."""
        if len(sources) != 2:
            raise InputError(f"{len(sources)} sources: BFFR fuses a visible and an infrared image")
        if self.stretch == "none":
            return super().fuse(sources)
        as_pixels(sources)  # refuses what cannot be fused
        first, second = sources
        fused = super().fuse([to_unit(first), second])  # before rounding
        low, high = self._stretched(float(fused.min()), float(fused.max()), steady)
        stretched = from_unit((fused - low) / (high - low), first.dtype)
        return sources.keep_first(stretched) if isinstance(sources, Covered) else stretched

    def planes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the network's input planes, see `TiledFusion.planes`."""
        return super().planes(self._ordered(images))

    def fuse_planes(self, planes: Tensor, grams: Grams | None = None) -> Tensor:
        """Fuse (2, 1, H, W) in [0, 1], visible first, to (1, 1, H, W).

        Args:
            planes: A whole image or a tile.
            grams: Gram matrices of the whole image, if `planes` is a tile.
        """
        if grams:
            return fuse_tile(self.model, planes, grams)
        vis, ir = planes.split(1)
        return self.model(vis, ir)

    @torch.inference_mode()
    def tile_function(self, sources: Sequence[Pixels]) -> TileFunction:
        """Return the function that fuses one tile; several tiles need sums of the whole image."""
        if self._is_whole(sources):
            return self.fuse_planes
        parts = (
            measure_grams(self.model, self.planes(images), tile.keep)
            for tile, images in self.source_tiles(sources)
        )
        return partial(self.fuse_planes, grams=sum_grams(parts))

    def source_tiles(self, sources: Sequence[Pixels]) -> Iterator[tuple[Tile, list[Tensor]]]:
        """Yield each tile and its sources, see `TiledFusion.source_tiles`."""
        height, width = sources[0].shape[:2]
        side = 0 if self._is_whole(sources) else self.tile
        for tile in tiles(height, width, side, self.receptive_radius, self.stride):
            yield tile, [self._tensor(source[tile.read]) for source in sources]
            _return_freed_memory()

    def _is_whole(self, sources: Sequence[Pixels]) -> bool:
        height, width = sources[0].shape[:2]
        fits = height * width <= self.whole_pixels
        return fits or not self.tile or max(height, width) <= self.tile

    def _bounds(
        self, sources: Sequence[Pixels], fuse_tile: TileFunction, steady: Steady
    ) -> tuple[float, float]:
        """Return 0 and 1: `fuse` stretches after colors are joined and clipped."""
        return 0.0, 1.0

    def _finish(self, fused: Tensor, images: Sequence[Tensor], in_color: bool) -> Tensor:
        finished = super()._finish(fused, self._ordered(images), in_color)
        return self._ordered([finished])[0]

    def _ordered(self, images: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return images of (1, 1 or 3, h, w); the quirks reverse R, G, B to B, G, R."""
        return [image.flip(1) for image in images] if self.authors_quirks else images


def _return_freed_memory() -> None:
    """Return freed memory between used blocks to the system; only glibc can do that.

    Tiles differ in size: blocks that are kept for the next tile would not fit it and accumulate.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
