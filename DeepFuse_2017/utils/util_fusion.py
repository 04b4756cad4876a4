"""Fuse exposures with a trained DeepFuse: arrays in, an array out."""

from pathlib import Path

from torch import Tensor
from typing_extensions import Unpack

from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from utils import HERE
from utils.common.tiled_fusion import FusionOptions, TiledFusion
from utils.util_levels import SHIPPED
from utils.util_weights import load_model
from utils.utils import InputError


class ImageFusion(TiledFusion):
    """The network (Fig. 2) on the luma of exposures of any size and number; chroma by Sec. 3.3.

        fused = ImageFusion().fuse([under, over])

    Args:
        weights: A weights file or checkpoint; by default the one in weights/ for these levels.
        levels: 1 for the paper's network, or how many sizes of a pyramid it fuses (see
            `models.pyramid`). None means those that the weights were trained for, and 1 without
            weights.
        model: A network to use instead of a file.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Raises:
        InputError: weights that are absent, unreadable or foreign, or were not trained for these
            levels.
    """

    levels = 1
    min_side = DeepFuse.min_side
    model: DeepFuse

    def __init__(
        self,
        weights: Path | None = None,
        *,
        levels: int | None = None,
        model: DeepFuse | None = None,
        **options: Unpack[FusionOptions],
    ) -> None:
        self.weights, self.form = weights or _shipped(levels or 1), "a given network"
        if model is None:
            model, self.form = load_model(self.weights, levels)
        if isinstance(model, DeepFusePyramid):
            self.levels, self.stride, self.min_side = model.levels, model.stride, model.min_side
        super().__init__(
            model,
            channels=1,
            receptive_radius=model.receptive_radius,
            **options,
        )

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (N, 1, H, W) to (1, 1, H, W), not clipped."""
        return self.model(planes.transpose(0, 1))


def _shipped(levels: int) -> Path:
    """Return the weights file in weights/ for a number of levels.

    Raises:
        InputError: there is none.
    """
    if levels not in SHIPPED:
        raise InputError(
            f"no weights for --levels {levels} come with this repository, only for "
            f"{' and '.join(map(str, SHIPPED))}; train some and give them as --weights"
        )
    return HERE / "weights" / SHIPPED[levels] / "model.safetensors"
