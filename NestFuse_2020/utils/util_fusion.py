"""Fuse images with a trained NestFuse: arrays in, an array out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import Unpack

from models.fusion_strategy import fuse_scale, pool
from models.NestFuse_2020 import NestFuse
from utils import HERE
from utils.common.rgb_mode import check_channels
from utils.common.tiled_fusion import FusionOptions, TiledFusion, TileFunction
from utils.common.values import Pixels
from utils.util_fast import use_fast_joins
from utils.util_weights import load_model
from utils.utils import InputError

WEIGHTS = HERE / "weights" / "nestfuse_gray" / "model.safetensors"
NUCLEAR_PIXELS = 2**22  # the largest image for `nuclear`: its maps take about 3 GiB per source


class ImageFusion(TiledFusion):
    """Encoder, attention at four scales, decoder (Sec. III) on images of any size.

        fused = ImageFusion().fuse([visible, infrared])

    Channel attention needs statistics of whole maps. They are gathered in a first pass of the
    encoder over the tiles, which is a fortieth of the work.

    Args:
        weights: A weights file or checkpoint; by default the gray network in weights/.
        model: A network to use instead of a file.
        spatial: `mean` or `sum`, see `spatial_weights`.
        channel: `avg`, `max` or `nuclear`, see `pool`; `nuclear` needs the encoder's maps whole.
        attention: `both`, `spatial` or `channel`.
        rgb_mode: `luma` fuses the luma with the gray network and keeps the color of the
            sources; `channels` puts R, G and B through an RGB network.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Raises:
        InputError: weights that are absent, unreadable or for another `rgb_mode`.
    """

    stride = NestFuse.stride
    min_side = NestFuse.min_side
    model: NestFuse

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: NestFuse | None = None,
        spatial: str = "mean",
        channel: str = "avg",
        attention: str = "both",
        rgb_mode: str = "luma",
        **options: Unpack[FusionOptions],
    ) -> None:
        if weights is None and model is None and rgb_mode == "channels":
            raise InputError(
                "--rgb_mode channels needs --weights: only a gray network comes with this "
                "repository; run_train.py --no-gray makes an RGB one"
            )
        self.weights, self.form = weights or WEIGHTS, "a given network"
        if model is None:
            model, self.form = load_model(self.weights)
            use_fast_joins(model)
        check_channels(model.channels, rgb_mode, self.weights)
        self.spatial = spatial
        self.channel = channel
        self.attention = attention
        super().__init__(
            model,
            channels=model.channels,
            receptive_radius=model.receptive_radius,
            **options,
        )

    def fuse_planes(self, planes: Tensor, pooled: Sequence[Tensor] | None = None) -> Tensor:
        """Fuse (N, C, H, W) in [0, 1] to (1, C, H, W), not clipped.

        Args:
            planes: A whole image or a tile.
            pooled: Of each scale of the whole image, (N, 1, C), from `pool`; taken from `planes`
                if absent.
        """
        scales = [scale.unsqueeze(1) for scale in self.model.encoder(planes)]  # (N, 1, C, H, W)
        if pooled is None:
            pooled = [self._pool(scale) for scale in scales]
        pairs = zip(scales, pooled, strict=True)
        fused = [fuse_scale(scale, p, self.spatial, self.attention) for scale, p in pairs]
        return self.model.decoder(fused)[-1]

    @torch.inference_mode()
    def tile_function(self, sources: Sequence[Pixels]) -> TileFunction:
        """Return the function that fuses a tile, given the pooled maps of the whole image.

        Raises:
            InputError: `nuclear` attention on an image of more than `NUCLEAR_PIXELS`.
        """
        height, width = sources[0].shape[:2]
        whole = not self.tile or max(height, width) <= self.tile
        if whole or self.attention == "spatial":
            return self.fuse_planes
        if self.channel == "nuclear":
            return partial(self.fuse_planes, pooled=self._pool_whole(sources))
        return partial(self.fuse_planes, pooled=self._pool_tiles(sources))

    def _pool(self, features: Tensor) -> Tensor:
        if self.attention == "spatial":
            return features.new_zeros(features.shape[:3])
        return pool(features, self.channel)

    def _pool_whole(self, sources: Sequence[Pixels]) -> list[Tensor]:
        height, width = sources[0].shape[:2]
        if height * width > NUCLEAR_PIXELS:
            raise InputError(
                f"an image of {width}x{height} is too large for --channel nuclear, which takes at "
                f"most {NUCLEAR_PIXELS} pixels; --channel avg and max work at any size"
            )
        each = [self.model.encoder(self.planes([self._tensor(source)])) for source in sources]
        return [pool(torch.stack(scale), "nuclear") for scale in zip(*each, strict=True)]

    def _pool_tiles(self, sources: Sequence[Pixels]) -> list[Tensor]:
        """Return the average or maximum of whole maps, gathered over the tiles."""
        parts: list[list[Tensor]] = []  # of each tile, of each scale: (N, 1, C)
        for tile, images in self.source_tiles(sources):
            parts.append([])
            for level, scale in enumerate(self.model.encoder(self.planes(images))):
                # Tiles and margins are multiples of the stride: no pooled square is cut.
                rows, columns = (slice(s.start >> level, s.stop >> level) for s in tile.keep)
                kept = scale[..., rows, columns].unsqueeze(1)
                if self.channel == "avg":
                    found = kept.double().sum(dim=(3, 4))
                elif kept.numel():
                    found = pool(kept, "max")
                else:  # a last strip that is narrower than the stride
                    found = kept.new_zeros(kept.shape[:3])
                parts[-1].append(found)
        joined = [torch.stack(scale) for scale in zip(*parts, strict=True)]
        if self.channel == "max":
            return [scale.amax(dim=0) for scale in joined]
        height, width = sources[0].shape[:2]
        counts = [(height >> level) * (width >> level) for level in range(len(joined))]
        pairs = zip(joined, counts, strict=True)
        return [(scale.sum(dim=0) / count).float() for scale, count in pairs]
