"""Fuse exposures with a trained DeepFuse: arrays in, an array out."""

from pathlib import Path

from torch import Tensor
from typing_extensions import Unpack

from models.DeepFuse import DeepFuse
from utils import HERE
from utils.common.tiled_fusion import FusionOptions, TiledFusion
from utils.util_weights import load_model

WEIGHTS = HERE / "weights" / "deepfuse" / "model.safetensors"


class ImageFusion(TiledFusion):
    """The network (Fig. 2) on the luma of exposures of any size and number; chroma by Sec. 3.3.

        fused = ImageFusion().fuse([under, over])

    Args:
        weights: A weights file or checkpoint; by default the one in weights/.
        model: A network to use instead of a file.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Raises:
        InputError: weights that are absent, unreadable or foreign.
    """

    min_side = DeepFuse.min_side
    model: DeepFuse

    def __init__(
        self,
        weights: Path | None = None,
        *,
        model: DeepFuse | None = None,
        **options: Unpack[FusionOptions],
    ) -> None:
        self.weights, self.form = weights or WEIGHTS, "a given network"
        if model is None:
            model, self.form = load_model(self.weights)
        super().__init__(
            model,
            channels=1,
            receptive_radius=DeepFuse.receptive_radius,
            **options,
        )

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (N, 1, H, W) to (1, 1, H, W), not clipped."""
        return self.model(planes.transpose(0, 1))
