"""Exposure brackets to learn from: one folder per scene (DeepFuse, Sec. 4.1)."""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from utils.common.exposures import find_scenes
from utils.common.flags import BooleanFlag, FlagParser, fraction, positive_int
from utils.common.scenes import Scene, read_scenes
from utils.common.split import hold_out
from utils.common.values import to_unit
from utils.utils import InputError

GAMMAS = (0.7, 1.4)  # range of the exponents that `--gamma` draws from

Sample = tuple[Tensor, Tensor]  # patches, (2, h, w), and the means of the whole exposures, (2,)


def load_scenes(folders: Sequence[Path], show_progress: bool = True) -> list[Scene]:
    """Read every scene in some folders.

    Raises:
        InputError: no scene, one exposure, unreadable images, or unequal sizes in a scene.
    """
    found = [files for folder in folders for files in find_scenes(folder, "--image_path").values()]
    message = "Statistic the over-exposure and under-exposure image list..."
    return read_scenes(found, message, show_progress)


class ExposureDataset(Dataset[Sample]):
    """Patches of an under- and an over-exposed luma in [0, 1], (2, size, size).

    With them comes the mean of each whole exposure, (2,), which a patch does not tell.

    Args:
        scenes: Each side has at least `size` pixels.
        size: Side of a patch, pixels.
        patches: How many of each scene.
        augment: Turn and mirror patches.
        gamma: Raise each exposure to a power of its own, drawn from `GAMMAS`, so that more
            exposures are seen than were taken.
        seed: Together with the epoch and the sample's index it decides all of these, whatever
            the number of workers and processes.

    Raises:
        InputError: a scene is smaller than a patch.
    """

    unit = "patches"

    def __init__(
        self,
        scenes: Sequence[Scene],
        size: int = 64,
        patches: int = 1,
        augment: bool = False,
        gamma: bool = False,
        seed: int = 0,
    ) -> None:
        for scene in scenes:
            if min(scene.height, scene.width) < size:
                raise InputError(
                    f"{scene.files[0].parent} is {scene.width}x{scene.height}, smaller than "
                    f"--crop_size {size}"
                )
        self.scenes = list(scenes)
        self.size = size
        self.patches = patches
        self.augment = augment
        self.gamma = gamma
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by the workers

    def start_epoch(self, epoch: int) -> None:
        """Select the patches of an epoch, counted from 0.

        If this is never called, all epochs use the same patches.
        """
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.scenes) * self.patches

    def __getitem__(self, index: int) -> Sample:
        """Return one pair of patches, (2, size, size), and the means of their exposures, (2,)."""
        scene = self.scenes[index // self.patches]
        rng = random.Random(f"{self.seed} {int(self._epoch)} {index}")
        top = rng.randint(0, scene.height - self.size)
        left = rng.randint(0, scene.width - self.size)
        place = (slice(top, top + self.size), slice(left, left + self.size))
        chosen = scene.choose(rng)
        pair, means = scene.cut(chosen, place), [scene.means[i] for i in chosen]
        if self.augment:
            pair = np.rot90(pair, rng.randrange(4), axes=(1, 2))
            pair = pair[:, :, ::-1] if rng.random() < 0.5 else pair
        if self.gamma:
            powers = [rng.uniform(*GAMMAS) for _ in pair]
            pair = pair ** np.array(powers, np.float32)[:, None, None]
            wholes = [to_unit(scene.luma(i)) for i in chosen]
            means = [float((w**p).mean()) for w, p in zip(wholes, powers, strict=True)]
        return torch.from_numpy(np.ascontiguousarray(pair)), torch.tensor(means)


def split_scenes(args: argparse.Namespace) -> tuple[ExposureDataset, ExposureDataset | None]:
    """Return the patches to train on, and those of other scenes to validate on if any.

    Raises:
        InputError: see `load_scenes`; or too few scenes to split.
    """
    scenes = load_scenes(args.image_path, args.output)
    train_scenes, val_scenes = hold_out(
        scenes, args.train_num, args.val_fraction, args.seed, "scenes"
    )
    common = (args.crop_size, args.patches)
    train_set = ExposureDataset(
        train_scenes, *common, augment=args.augment, gamma=args.gamma, seed=args.seed
    )
    return train_set, ExposureDataset(val_scenes, *common) if val_scenes else None


def add_scene_flags(parser: FlagParser, image_path: Path) -> None:
    """Add the flags that `split_scenes` reads.

    Args:
        parser: Where to add them.
        image_path: Default.
    """
    data = parser.add_flag_group("data")
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        default=[image_path],
        help="folders of scenes, each a folder of two or more exposures",
    )
    data.add_argument(
        "--train_num", type=positive_int, default=200, help="use at most this many scenes"
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=64, help="side of a patch, pixels (Sec. 4.1)"
    )
    data.add_argument(
        "--patches", type=positive_int, default=1, help="patches of each scene per epoch"
    )
    samples = parser.add_flag_group("samples", rare=True)
    samples.add_argument(
        "--val_fraction",
        type=fraction,
        default=0.05,
        help="share of the scenes to validate on instead of training on them",
    )
    samples.add_argument(
        "--augment", action=BooleanFlag, default=False, help="turn and mirror patches"
    )
    samples.add_argument(
        "--gamma",
        action=BooleanFlag,
        default=False,
        help="vary the exposure of patches by random exponents",
    )
