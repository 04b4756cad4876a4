"""Fuse images with a trained U2Fusion: arrays in, an array out."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.DenseNet import DenseNet
from utils import HERE
from utils.common.color import luma
from utils.common.image import Array, to_unit
from utils.common.pairs import FusionJob
from utils.common.read_exposures import read_exposures
from utils.common.sources import Notices
from utils.common.tile import TiledFusion
from utils.util_weights import load_model

WEIGHTS = HERE / "weights" / "u2fusion.safetensors"


class ImageFusion(TiledFusion):
    """The network on the luma of images of any size and number.

        fused = ImageFusion().fuse([visible, infrared])

    The network takes two images. More are fused in the order in which they are given, each with
    the result of those before it.

    Args:
        weights: A weights file or checkpoint; by default the one in weights/.
        model: A network to use instead of a file.
        device: See `TiledFusion`; so are `tile`, `color` and `stretch`.
        tile: Side of a tile in pixels.
        color: Give the result the color of its sources.
        stretch: `none`, `minmax` or `max`.

    Raises:
        InputError: weights that are absent, unreadable or foreign.
    """

    model: DenseNet

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: DenseNet | None = None,
        device: str = "auto",
        tile: int | None = None,
        color: bool = True,
        stretch: str = "none",
    ) -> None:
        self.weights, self.form = weights or WEIGHTS, "a given network"
        if model is None:
            model, self.form = load_model(self.weights)
        super().__init__(
            model,
            channels=1,
            receptive_radius=DenseNet.receptive_radius,
            device=device,
            tile=tile,
            color=color,
            stretch=stretch,
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


def darkest_first(sources: Sequence[Array]) -> list[Array]:
    """Return exposures in the order of their mean luma."""
    return sorted(sources, key=_mean_luma)


def read_darkest_first(job: FusionJob, args: argparse.Namespace, notices: Notices) -> list[Array]:
    """Read exposures as `read_exposures` does, in the order of their mean luma."""
    return darkest_first(read_exposures(job, args, notices))


def _mean_luma(source: Array) -> float:
    image = torch.from_numpy(np.atleast_3d(to_unit(source))).permute(2, 0, 1)[None]
    return float(luma(image)[0, 0].numpy().mean())
