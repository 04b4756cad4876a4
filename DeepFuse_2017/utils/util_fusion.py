"""Fuse exposures with a trained DeepFuse: arrays in, an array out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.DeepFuse import DeepFuse
from utils.common.color import luma
from utils.common.image import Array, from_unit, to_unit
from utils.common.tile import TiledFusion, tiles
from utils.util_device import memory_format, resolve_device
from utils.util_loss import WINDOW, desired_image
from utils.util_weights import load_model
from utils.utils import InputError

WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "deepfuse.safetensors"
DESIRED_TILE = 512  # pixels


class ImageFusion(TiledFusion):
    """The network (Fig. 2) on the luma of exposures of any size and number; chroma by Sec. 3.3.

        fused = ImageFusion().fuse([under, over])

    Args:
        weights: A weights file or checkpoint; the repository's own by default.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        tile: See `TiledFusion`; so are `color` and `stretch`.
        color: Colour result where a source has colour.
        stretch: `none`, `minmax` or `max`.

    Raises:
        InputError: weights that are absent, unreadable or foreign.
    """

    min_side = DeepFuse.min_side

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
        super().__init__(where, 1, DeepFuse.receptive_radius, tile, color, stretch)
        self.model.to(where).to(memory_format=memory_format(where))

    def fuse_planes(self, planes: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (N, 1, H, W) to (1, 1, H, W), not clipped."""
        return self.model(planes.transpose(0, 1))


@torch.inference_mode()
def desired_luma(sources: Sequence[Array]) -> Array:
    """Return the image that the loss asks for, its patches put together (`desired_image`).

    Args:
        sources: Registered exposures, (H, W) or (H, W, 3), sides of at least 11 pixels.

    Returns:
        (H, W) in the type of the first source, clipped.

    Raises:
        InputError: a side is too short.
    """
    height, width = sources[0].shape[:2]
    if min(height, width) < WINDOW:
        raise InputError(
            f"an image of {width}x{height} is too small for --save_desired, whose patches are "
            f"{WINDOW}x{WINDOW}"
        )
    result = np.empty((height, width), sources[0].dtype)
    for tile in tiles(height, width, DESIRED_TILE, receptive_radius=WINDOW - 1):
        planes = []
        for source in sources:
            image = torch.from_numpy(np.atleast_3d(to_unit(source[tile.read])))
            planes.append(luma(image.permute(2, 0, 1)[None]))
        desired = desired_image(torch.cat(planes, dim=1))[0, 0].numpy()
        result[tile.write] = from_unit(desired[tile.keep], result.dtype)
    return result
