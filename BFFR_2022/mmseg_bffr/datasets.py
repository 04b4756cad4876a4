"""Datasets whose augmentations depend on seed, epoch and sample alone."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATA_SAMPLERS, DATASETS

from utils.util_dataset import CLASSES, PALETTE, find_labelled_pairs
from utils.utils import InputError


@DATA_SAMPLERS.register_module()
class SeededSampler(InfiniteSampler):
    """Shuffle every epoch, and number the draws: epoch times length plus index."""

    def _infinite_indices(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        for epoch in itertools.count():
            for index in torch.randperm(self.size, generator=generator).tolist():
                yield epoch * self.size + index


class SeededDataset(BaseSegDataset):
    """Draw number n is sample n modulo length, augmented as (seed, n) says.

    So that an augmentation depends neither on the worker that makes it nor on where a run was
    stopped and resumed.

    Args:
        seed: Of the augmentations.
        **settings: Of mmseg's BaseSegDataset.
    """

    def __init__(self, seed: int = 0, **settings: Any) -> None:
        self.seed = seed
        super().__init__(**settings)

    def __getitem__(self, draw: int) -> dict:
        """Return a draw's sample."""
        state = np.random.SeedSequence([self.seed, draw]).generate_state(2)
        np.random.seed(int(state[0]))  # mmcv and mmseg draw from the global generators
        random.seed(int(state[1]))
        return super().__getitem__(draw % len(self))


@DATASETS.register_module()
class MFNet(SeededDataset):
    """Visible and infrared pairs with labels in MFNet's nine classes, see `util_dataset`.

    Args:
        data_root: The folder of the set, or several.
        split: `train`, `val` or `test`, a list beside the images; None takes all there are.
        drop_class: Names of classes whose pixels become background.
        flag: What names the folder and the list, for messages.
        **settings: Of `SeededDataset`.
    """

    METAINFO: ClassVar = {"classes": CLASSES, "palette": [list(colour) for colour in PALETTE]}

    def __init__(
        self,
        data_root: str | Sequence[str],
        split: str | None = None,
        drop_class: Sequence[str] = (),
        flag: str = "data_root and split of the config",
        **settings: Any,
    ) -> None:
        if unknown := [name for name in drop_class if name not in CLASSES[1:]]:
            raise InputError(f"drop_class {unknown[0]}: there are {', '.join(CLASSES[1:])}")
        self.split = split
        self.flag = flag
        self.roots = [data_root] if isinstance(data_root, str) else list(data_root)
        self.dropped = {CLASSES.index(name): 0 for name in drop_class}
        super().__init__(**settings)

    def load_data_list(self) -> list[dict]:
        """Return what the transforms need of each scene."""
        return [
            {
                "pair": pair,
                "img_path": str(pair.vis),
                "seg_map_path": str(pair.label),
                "label_map": self.dropped,
                "reduce_zero_label": False,
                "seg_fields": [],
            }
            for root in self.roots
            for pair in find_labelled_pairs(Path(root), self.split, self.flag)
        ]


@DATASETS.register_module()
class CamVid(SeededDataset):
    """CamVid in 11 classes: `images/<stem>.jpg` and `labels/<stem>.png` with ids, 11 void."""

    METAINFO: ClassVar = {
        "classes": (
            "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car",
            "pedestrian", "bicyclist",
        ),
        "palette": [
            [128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222],
            [128, 128, 0], [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0],
            [0, 128, 192],
        ],
    }  # fmt: skip

    @classmethod
    def get_label_map(cls, new_classes: object = None) -> dict[int, int]:
        """Return which ids to replace: void is not scored."""
        return {11: 255}
