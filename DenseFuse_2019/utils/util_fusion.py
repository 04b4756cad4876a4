"""Fuse images with a trained DenseFuse: arrays in, an array out."""

from pathlib import Path

from torch import Tensor
from typing_extensions import Unpack

from models.DenseFuse import DenseFuse
from models.fusion_strategy import STRATEGIES, STRATEGY_RADIUS
from utils import HERE
from utils.common.rgb_mode import check_channels
from utils.common.tiled_fusion import FusionOptions, TiledFusion
from utils.util_weights import load_model

WEIGHTS = {
    "luma": HERE / "weights" / "densefuse_gray" / "model.safetensors",
    "channels": HERE / "weights" / "densefuse_rgb" / "model.safetensors",
}


class ImageFusion(TiledFusion):
    """Encoder, fusion strategy, decoder (Sec. III) on images of any size.

        fused = ImageFusion().fuse([visible, infrared])

    Args:
        weights: A weights file or checkpoint; by default the one of `rgb_mode` in weights/.
        model: A network to use instead of a file.
        strategy: `addition` or `l1` (Sec. III-B), or `max`, which the paper does not have.
        rgb_mode: `luma` fuses the luma with the gray network and keeps the color of the
            sources; `channels` puts R, G and B through the RGB network.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Raises:
        InputError: weights that are absent, unreadable or for another `rgb_mode`.
    """

    model: DenseFuse

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: DenseFuse | None = None,
        strategy: str = "addition",
        rgb_mode: str = "luma",
        **options: Unpack[FusionOptions],
    ) -> None:
        self.weights, self.form = weights or WEIGHTS[rgb_mode], "a given network"
        if model is None:
            model, self.form = load_model(self.weights)
        check_channels(model.channels, rgb_mode, self.weights)
        self.strategy = STRATEGIES[strategy]
        super().__init__(
            model,
            channels=model.channels,
            receptive_radius=model.receptive_radius + STRATEGY_RADIUS[strategy],
            **options,
        )

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse (N, C, H, W) in [0, 1] to (1, C, H, W), not clipped."""
        features = self.model.encoder(planes)  # (N, 64, H, W)
        return self.model.decoder(self.strategy(features.unsqueeze(1)))
