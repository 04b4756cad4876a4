"""Fuse images with a trained DenseFuse: arrays in, an array out."""

from pathlib import Path

from torch import Tensor

from models.fusion_strategy import STRATEGIES, STRATEGY_RADIUS
from utils.common.tile import TiledFusion
from utils.util_device import memory_format, resolve_device
from utils.util_weights import load_model
from utils.utils import InputError

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_WEIGHTS = {
    "luma": WEIGHTS / "densefuse_gray.safetensors",
    "channels": WEIGHTS / "densefuse_rgb.safetensors",
}
MODE_CHANNELS = {"luma": 1, "channels": 3}


class ImageFusion(TiledFusion):
    """Encoder, fusion strategy, decoder (Sec. III) on images of any size.

        fused = ImageFusion().fuse([visible, infrared])

    Args:
        weights: A weights file or checkpoint; the repository's own by default.
        strategy: `addition` or `l1` (Sec. III-B), or `max`, which the paper does not have.
        rgb_mode: `luma` fuses the luma with the gray network and keeps the colour of the
            sources; `channels` puts R, G and B through the RGB network.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        tile: See `TiledFusion`; so are `color` and `stretch`.
        color: Colour result where a source has colour.
        stretch: `none`, `minmax` or `max`.

    Raises:
        InputError: weights that are absent, unreadable or for another `rgb_mode`.
    """

    def __init__(
        self,
        weights: Path | None = None,
        strategy: str = "addition",
        rgb_mode: str = "luma",
        device: str = "auto",
        tile: int | None = None,
        color: bool = True,
        stretch: str = "none",
    ) -> None:
        self.weights = weights or DEFAULT_WEIGHTS[rgb_mode]
        self.model, self.form = load_model(self.weights)
        if self.model.channels != MODE_CHANNELS[rgb_mode]:
            has, mode = ("a gray", "luma") if self.model.channels == 1 else ("an RGB", "channels")
            raise InputError(
                f"{self.weights} holds {has} network, which --rgb_mode {rgb_mode} cannot use; "
                f"say --rgb_mode {mode}, or give other --weights"
            )
        receptive_radius = self.model.receptive_radius + STRATEGY_RADIUS[strategy]
        where = resolve_device(device)
        super().__init__(where, self.model.channels, receptive_radius, tile, color, stretch)
        self.model.to(where).to(memory_format=memory_format(where))
        self.strategy = STRATEGIES[strategy]

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse (N, C, H, W) in [0, 1] to (1, C, H, W), not clipped."""
        features = self.model.encoder(planes)  # (N, 64, H, W)
        return self.model.decoder(self.strategy(features.unsqueeze(1)))
