"""Fuse with a student: arrays in, an array out.

`hubconf` runs this file among the modules of the teacher's folder, which it takes its base from.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.common.tiled_fusion import (
    Steady,
    TiledFusion,
    TileFunction,
    as_found,
)
from utils.common.values import Image, Pixels
from utils.utils import InputError

TILE = {"cpu": 1024, "cuda": 2048, "mps": 2048}  # pixels


class StudentFusion(TiledFusion):
    """The student of a method, on the luma of two images of any size.

    Args:
        weights: What `distill.py` has written, or a folder with such a `model.safetensors`.
        models: The module of the network, `models.py`.
        options: Those of every method, see `TiledFusion`: `device`, `tile`, `color`, `stretch` and
            `precision`.

    Attributes:
        about: What the weights say of themselves, such as their `teacher`.
        darkest_first: True for exposures, whose order means nothing: the network takes the darker
            one first, in whichever order they are given.

    Raises:
        InputError: weights that are absent, unreadable or no student's.
    """

    default_tile = TILE

    def __init__(self, weights: Path, *, models: Any, **options: Any) -> None:
        self.weights, self.models = weights, models
        state = load_checkpoint(weights)
        self.about: dict[str, str] = state.get("about") or {}
        self.darkest_first = self.about.get("kind", "pair") != "pair"
        network = load_network(state, models, weights)
        self.form = f"a student of {self.about.get('teacher', 'an unnamed teacher')}"
        self.stride, self.min_side = network.stride, network.min_side
        super().__init__(network, channels=1, receptive_radius=network.receptive_radius, **options)

    def fuse(self, sources: Sequence[Image], *, steady: Steady = as_found) -> Image:
        """Fuse two images in the teacher's order; see `TiledFusion.fuse`."""
        if len(sources) != 2:
            raise InputError(f"{len(sources)} sources: a student fuses two")
        return super().fuse(sources, steady=steady)

    def fuse_planes(
        self, planes: Tensor, statistics: Tensor | None = None, flip: bool = False
    ) -> Tensor:
        """Fuse lumas in [0, 1]: (2, 1, H, W) to (1, 1, H, W), not clipped.

        Args:
            planes: A whole image or a tile.
            statistics: Of the whole image; taken from `planes` if absent.
            flip: Take the second plane first.
        """
        pair = planes.transpose(0, 1)
        if flip:
            pair = pair.flip(1)
        if self.model.looks_at_whole and statistics is None:
            statistics = self.models.to_statistics(self.models.measure(pair))
        return self.model(pair, statistics)

    @torch.inference_mode()
    def tile_function(self, sources: Sequence[Pixels]) -> TileFunction:
        """Return the function that fuses a tile, given what is known of the whole image."""
        flip = self.darkest_first and self._first_is_brighter(sources)
        height, width = sources[0].shape[:2]
        if not self.model.looks_at_whole or not self.tile or max(height, width) <= self.tile:
            return partial(self.fuse_planes, flip=flip)
        parts = [
            self.models.measure(self.planes(images).transpose(0, 1), *tile.keep)
            for tile, images in self.source_tiles(sources[::-1] if flip else sources)
        ]
        statistics = self.models.to_statistics(torch.stack(parts).sum(dim=0))
        return partial(self.fuse_planes, statistics=statistics, flip=flip)

    def _first_is_brighter(self, sources: Sequence[Pixels]) -> bool:
        """Return True if the first source has the higher mean luma."""
        sums = []
        for tile, images in self.source_tiles(sources):
            rows, columns = tile.keep
            kept = self.planes(images)[..., rows, columns]  # (2, 1, h, w)
            sums.append(kept.sum(dim=(1, 2, 3), dtype=torch.double))
        first, second = torch.stack(sums).sum(dim=0).tolist()
        return bool(first > second)


def load_network(state: dict[str, Any], models: Any, path: Path) -> Any:
    """Return the network of a weights file or of a run's checkpoint.

    Raises:
        InputError: the weights are no student's.
    """
    inner = state["model"] if isinstance(state.get("model"), dict) else state
    tensors = tensors_of(inner)
    network = models.Student.like(tensors)
    own = network.state_dict()
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in own.items()}:
        raise InputError(f"{path} is no student's: {summary_of(state)}")
    copy_weights(own, tensors, path)
    return network
