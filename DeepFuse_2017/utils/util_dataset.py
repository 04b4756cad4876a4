"""Exposure brackets to learn from: one folder a scene (DeepFuse, Sec. 4.1)."""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from utils.util_colour import LUMA
from utils.util_flags import TypedInt, fraction, positive_int
from utils.util_image import Array, read_image, to_unit
from utils.util_pairs import find_scenes
from utils.utils import InputError, hold_out, warn

CACHE_BYTES = 2 * 2**30  # of lumas that are kept decoded
GAMMAS = (0.7, 1.4)  # range of the exponents that `--gamma` draws from


def read_luma(path: Path) -> Array:
    """Return an image's luma, (H, W), rounded to the levels of the file."""
    pixels = read_image(path)
    if pixels.ndim == 2:
        return pixels
    return np.rint(pixels @ np.array(LUMA)).astype(pixels.dtype)


class Scene:
    """The exposures of one scene, the darker half of them `under`, the others `over`.

    Raises:
        InputError: exposures of different sizes.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        lumas = [read_luma(path) for path in files]
        sizes = {luma.shape for luma in lumas}
        if len(sizes) > 1:
            found = ", ".join(
                f"{p.name} {x.shape[1]}x{x.shape[0]}" for p, x in zip(files, lumas, strict=True)
            )
            raise InputError(f"sizes differ in {files[0].parent} (--image_path): {found}")
        if all(np.array_equal(luma, lumas[0]) for luma in lumas[1:]):
            warn(f"the exposures in {files[0].parent} are identical")
        means = [to_unit(luma).mean() for luma in lumas]
        order = sorted(range(len(files)), key=lambda i: means[i])
        self.files = [files[i] for i in order]
        self.height, self.width = lumas[0].shape
        self.bytes = sum(luma.nbytes for luma in lumas)
        self._lumas: list[Array] | None = [lumas[i] for i in order]

    def forget(self) -> None:
        """Decode the files anew from now on, each time they are asked for."""
        self._lumas = None

    def luma(self, index: int) -> Array:
        """Return the luma of an exposure, the darkest being 0: (H, W)."""
        return self._lumas[index] if self._lumas else read_luma(self.files[index])

    def choose_pair(self, chance: random.Random) -> tuple[int, int]:
        """Return an exposure of the darker half and one of the brighter half."""
        half = len(self.files) // 2
        return chance.randrange(half), chance.randrange(len(self.files) - half, len(self.files))


def load_scenes(folders: Sequence[Path], show_progress: bool = True) -> list[Scene]:
    """Read every scene once; what fits `CACHE_BYTES` is kept decoded.

    Raises:
        InputError: no scene, one exposure, unreadable images, or unequal sizes in a scene.
    """
    found = [files for folder in folders for files in find_scenes(folder, "--image_path").values()]
    bar = tqdm(
        found,
        desc="Statistic the over-exposure and under-exposure image list...",
        disable=not show_progress,
    )
    scenes, kept = [], 0
    for files in bar:
        scene = Scene(files)
        kept += scene.bytes
        if kept > CACHE_BYTES:
            scene.forget()
        scenes.append(scene)
    return scenes


class ExposureDataset(Dataset[Tensor]):
    """Patches of an under- and an over-exposed luma in [0, 1], (2, size, size).

    Args:
        scenes: At least `size` pixels a side.
        size: Side of a patch, pixels.
        patches: Of each scene.
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
        """Choose the patches of an epoch (from 0); never called, they stay the same."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.scenes) * self.patches

    def __getitem__(self, index: int) -> Tensor:
        """Return one pair of patches, (2, size, size)."""
        scene = self.scenes[index // self.patches]
        chance = random.Random(f"{self.seed} {int(self._epoch)} {index}")
        top = chance.randint(0, scene.height - self.size)
        left = chance.randint(0, scene.width - self.size)
        place = (slice(top, top + self.size), slice(left, left + self.size))
        pair = np.stack([to_unit(scene.luma(i)[place]) for i in scene.choose_pair(chance)])
        if self.augment:
            pair = np.rot90(pair, chance.randrange(4), axes=(1, 2))
            pair = pair[:, :, ::-1] if chance.random() < 0.5 else pair
        if self.gamma:
            powers = [chance.uniform(*GAMMAS) for _ in pair]
            pair = pair ** np.array(powers, np.float32)[:, None, None]
        return torch.from_numpy(np.ascontiguousarray(pair))


def split_scenes(args: argparse.Namespace) -> tuple[ExposureDataset, ExposureDataset | None]:
    """Return the patches to train on, and those of other scenes to validate on if any.

    Raises:
        InputError: see `load_scenes`; fewer scenes than a typed `--train_num`, too few to split.
    """
    scenes = load_scenes(args.image_path, args.output)
    train_scenes, val_scenes = hold_out(
        scenes,
        args.train_num,
        args.train_num_typed,
        args.val_fraction,
        args.seed,
        "scenes",
        args.image_path,
    )
    common = (args.crop_size, args.patches)
    train_set = ExposureDataset(
        train_scenes, *common, augment=args.augment, gamma=args.gamma, seed=args.seed
    )
    return train_set, ExposureDataset(val_scenes, *common) if val_scenes else None


def add_scene_flags(data: argparse._ArgumentGroup, image_path: Path) -> None:
    """Add the flags that `split_scenes` reads."""
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        default=[image_path],
        help="folders of scenes, each a folder of two or more exposures",
    )
    data.add_argument(
        "--train_num",
        action=TypedInt,
        default=200,
        help="scenes to use; the default is an upper bound",
    )
    data.add_argument(
        "--val_fraction", type=fraction, default=0.05, help="share of them to validate on"
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=64, help="side of a patch, pixels (Sec. 4.1)"
    )
    data.add_argument(
        "--patches", type=positive_int, default=1, help="patches of each scene an epoch"
    )
