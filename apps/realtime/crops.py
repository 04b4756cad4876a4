"""Crops to train and validate a student on."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from apps.realtime.lessons import FULL, Lesson
from apps.realtime.models import SCALE, measure, to_statistics
from apps.realtime.teacher import InputError

EDGE = 4  # pixels: this far from the image's border they count more
PLACES = ("start", "end", "middle", "middle")  # of a crop along a side, all equally likely

Sample = dict[str, Tensor]


class CropSet(Dataset[Sample]):
    """Crops of pairs with the teacher's result, whose loss is that of whole images.

    The loss is taken where the network sees all that it would see of the whole image: a crop is
    read with a margin of the receptive radius, except beyond the image's true border. Half of the
    crops lie at the border along each side.

    Args:
        lessons: Of the teacher.
        size: Side of the crops without their margin, pixels.
        count: How many in an epoch.
        margin: What the loss does not count on each side, pixels: the student's receptive radius.
        edge_weight: How much more the pixels near the border count.
        looks_at_whole: Also give statistics of the whole image.
        fixed: Take the same crops in every epoch.
        seed: Decides the crops, together with epoch and index.

    Raises:
        InputError: a pair is smaller than a crop with its margin.
    """

    unit = "crops"

    def __init__(
        self,
        lessons: Sequence[Lesson],
        size: int,
        count: int,
        margin: int,
        edge_weight: float,
        looks_at_whole: bool,
        fixed: bool = False,
        seed: int = 0,
    ) -> None:
        self.lessons, self.size, self.count = lessons, size, count
        self.edge_weight, self.fixed, self.seed = edge_weight, fixed, seed
        self.margin, self.window = margin, size + 2 * margin
        for name, planes in lessons:
            height, width = planes.shape[1:]
            if min(height, width) < self.window:
                raise InputError(
                    f"{name} is {width}x{height}, smaller than --crop_size {size} with its margin, "
                    f"{self.window}"
                )
        self.statistics = [_statistics(each) for each in lessons] if looks_at_whole else None
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by the workers

    def start_epoch(self, epoch: int) -> None:
        """Select the crops of an epoch, counted from 0."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """Return a crop: `pair`, `target` and its `weight`, and where that lies in the pair."""
        rng = random.Random(f"{self.seed} {0 if self.fixed else int(self._epoch)} {index}")
        number = index % len(self.lessons) if self.fixed else rng.randrange(len(self.lessons))
        planes = self.lessons[number].planes
        height, width = planes.shape[1:]
        (top, down), (left, along) = (self._place(side, rng) for side in (height, width))
        read = planes[:, top : top + self.window, left : left + self.window]
        missing = [(0, self.window - side) for side in read.shape[1:]]  # of odd sides
        values = np.pad(read, ((0, 0), *missing)).astype(np.float32) / FULL
        kept = slice(down, down + self.size), slice(along, along + self.size)
        weights = self._weights(top + down, height), self._weights(left + along, width)
        weight = np.maximum(weights[0][:, None], weights[1]) * (np.outer(*weights) > 0)
        sample = {
            "pair": torch.from_numpy(values[:2]),
            "target": torch.from_numpy(values[2:, kept[0], kept[1]]),
            "weight": torch.from_numpy(weight[None]),
            "place": torch.tensor([down, along]),
        }
        return sample | ({"statistics": self.statistics[number]} if self.statistics else {})

    def _place(self, side: int, rng: random.Random) -> tuple[int, int]:
        """Return where a crop is read along a side, and where in it the loss is taken."""
        last = -(-side // SCALE) * SCALE - self.window
        place = rng.choice(PLACES)
        if place == "start":
            return 0, 0
        if place == "end":
            return last, 2 * self.margin
        return SCALE * rng.randint(0, last // SCALE), self.margin

    def _weights(self, start: int, side: int) -> Any:
        """Return the weights of a crop's rows or columns: 0 beyond the image."""
        position = np.arange(start, start + self.size)
        inward = np.minimum(position, side - 1 - position)
        near = np.where(inward < EDGE, np.float32(self.edge_weight), np.float32(1))
        return np.where(inward < 0, np.float32(0), near)


def _statistics(lesson: Lesson) -> Tensor:
    """Return the statistics of a whole pair, (STATISTICS,)."""
    pair = torch.from_numpy(lesson.planes[:2].astype(np.float32) / FULL)[None]
    return to_statistics(measure(pair))[0]
