"""Fuse images with a trained U2Fusion: arrays in, an array out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.DenseNet import DenseNet
from utils.common.color import luma
from utils.common.image import Array, from_unit, to_unit
from utils.common.tile import TiledFusion
from utils.util_device import memory_format, resolve_device
from utils.util_weights import load_model
from utils.vgg import InformationMeasure

WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "u2fusion.safetensors"


class ImageFusion(TiledFusion):
    """The network on the luma of images of any size and number.

        fused = ImageFusion().fuse([visible, infrared])

    The network takes two: more are folded in the order in which they are given, each fused with
    the result of those before it.

    Args:
        weights: A weights file or checkpoint; the repository's own by default.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        tile: See `TiledFusion`; so are `color` and `stretch`.
        color: Colour result where a source has colour.
        stretch: `none`, `minmax` or `max`.

    Raises:
        InputError: weights that are absent, unreadable or foreign.
    """

    def __init__(
        self,
        weights: Path | None = None,
        device: str = "auto",
        tile: int | None = None,
        color: bool = True,
        stretch: str = "none",
    ) -> None:
        self.weights = weights or WEIGHTS
        self.model, self.form = load_model(self.weights)
        where = resolve_device(device)
        super().__init__(where, 1, DenseNet.receptive_radius, tile, color, stretch)
        self.model.to(where).to(memory_format=memory_format(where))

    def receptive_radius_of(self, count: int) -> int:
        """Return how far the fusion of `count` sources sees: the receptive_radius, at each fold."""
        return (count - 1) * self.receptive_radius

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (N, 1, H, W) to (1, 1, H, W) in [0, 1]."""
        fused, *others = planes.split(1)
        for other in others:
            fused = self.model(torch.cat([fused, other], dim=1))
        return fused


def darkest_first(sources: Sequence[Array]) -> list[Array]:
    """Return exposures by the mean of their lumas."""
    return sorted(sources, key=lambda source: float(_luma(source).mean()))


def reference_luma(sources: Sequence[Array], measure: InformationMeasure, c: float) -> Array:
    """Return the mean of the sources' lumas, weighted by the information of the whole images.

    Args:
        sources: Registered images, (H, W) or (H, W, 3).
        measure: Gives omega.
        c: Of the task.

    Returns:
        (H, W) in the type of the first source.
    """
    lumas = [_luma(source) for source in sources]
    together = torch.from_numpy(np.stack(lumas))[None]  # (1, N, H, W)
    weights = measure(together.to(measure.vgg.mean.device), c)[0].cpu().numpy()  # (N,)
    mean = sum(weight * plane for weight, plane in zip(weights, lumas, strict=True))
    return from_unit(mean, sources[0].dtype)


def _luma(source: Array) -> Array:
    """Return the luma in [0, 1], (H, W)."""
    image = torch.from_numpy(np.atleast_3d(to_unit(source))).permute(2, 0, 1)[None]
    return luma(image)[0, 0].numpy()
