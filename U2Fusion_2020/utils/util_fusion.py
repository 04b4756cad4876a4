"""Fuse images with a trained U2Fusion: arrays in, an array out."""

from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import Unpack

from models.DenseNet import DenseNet
from utils import HERE
from utils.common.tiled_fusion import FusionOptions, TiledFusion
from utils.util_weights import load_model

WEIGHTS = HERE / "weights" / "u2fusion" / "model.safetensors"


class ImageFusion(TiledFusion):
    """The network on the luma of images of any size and number.

        fused = ImageFusion().fuse([visible, infrared])

    The network takes two images. More are fused in the order in which they are given, each with
    the result of those before it.

    Args:
        weights: A weights file or checkpoint; by default the one in weights/.
        model: A network to use instead of a file.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Raises:
        InputError: weights that are absent, unreadable or foreign.
    """

    model: DenseNet

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: DenseNet | None = None,
        **options: Unpack[FusionOptions],
    ) -> None:
        self.weights, self.form = weights or WEIGHTS, "a given network"
        if model is None:
            model, self.form = load_model(self.weights)
        super().__init__(
            model,
            channels=1,
            receptive_radius=DenseNet.receptive_radius,
            **options,
        )

    def receptive_radius_of(self, count: int) -> int:
        """Return how far the fusion of `count` sources sees: the receptive_radius, at each fold."""
        return (count - 1) * self.receptive_radius

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (N, 1, H, W) to (1, 1, H, W) in [0, 1]."""
        fused, *others = planes.split(1)
        for other in others:
            fused = self.model(torch.cat([fused, other], dim=1))
        return fused
