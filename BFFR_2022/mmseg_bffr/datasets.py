"""Datasets whose augmentations depend only on seed, epoch and sample."""

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

from utils.util_dataset import CLASSES, PALETTE, find_labeled_pairs
from utils.utils import InputError


@DATA_SAMPLERS.register_module()
class SeededSampler(InfiniteSampler):
    """Shuffle in every epoch, and yield numbers of draws: epoch * length + index."""

    def _infinite_indices(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        for epoch in itertools.count():
            for index in torch.randperm(self.size, generator=generator).tolist():
                yield epoch * self.size + index


class SeededDataset(BaseSegDataset):
    """Draw number n is sample n modulo length; its augmentations are drawn from (seed, n).

    An augmentation then depends neither on the worker process nor on where a run was resumed.

    Args:
        seed: Seed of the augmentations.
        **settings: Arguments of mmseg's BaseSegDataset.
    """

    def __init__(self, seed: int = 0, **settings: Any) -> None:
        self.seed = seed
        super().__init__(**settings)

    def __getitem__(self, draw: int) -> dict:
        """Return the augmented sample of a draw."""
        state = np.random.SeedSequence([self.seed, draw]).generate_state(2)
        np.random.seed(int(state[0]))  # mmcv and mmseg draw from the global generators
        random.seed(int(state[1]))
        return super().__getitem__(draw % len(self))


@DATASETS.register_module()
class MFNet(SeededDataset):
    """Visible and infrared pairs with labels in MFNet's nine classes, see `util_dataset`.

    Args:
        data_root: The folder of the set, or several folders.
        split: See `find_labeled_pairs`.
        drop_class: Names of classes whose pixels become background.
        flag: The flag or setting that gave the folder and the list, for messages.
        **settings: Arguments of `SeededDataset`.
    """

    METAINFO: ClassVar = {"classes": CLASSES, "palette": [list(color) for color in PALETTE]}

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
        """Return one dictionary per scene, the input of the first transform."""
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
            for pair in find_labeled_pairs(Path(root), self.split, self.flag)
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
        """Return the ids to replace: void (11) becomes 255, which is not scored."""
        return {11: 255}
