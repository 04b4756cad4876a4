"""Pairs to learn from, of every task: infrared and visible, exposures, multi-focus."""

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from utils.common.exposures import find_scenes
from utils.common.flags import BooleanFlag, FlagParser, fraction, positive_int
from utils.common.infrared_pairs import PAIR, pairs_in
from utils.common.listing import SUFFIXES, list_images
from utils.common.names import folder_role
from utils.common.pairs import find_pairs
from utils.common.scenes import Scene, read_scenes
from utils.common.split import hold_out
from utils.util_focus import Photograph
from utils.utils import InputError

TASKS = ("ivif", "mef", "mff")
# The usual names of the two folders of a set, in lower case; common/names.py has those of ivif.
FOLDERS = {
    "mef": (("under", "ue", "low"), ("over", "oe", "high")),
    "mff": (("near", "sourcea", "a"), ("far", "sourceb", "b")),
}
LAYOUTS = {
    "ivif": "vis/<stem>.png and ir/<stem>.png, or another layout of pairs",
    "mef": "under/<stem>.png and over/<stem>.png, or a folder of exposures for each scene",
    "mff": "near/<stem>.png and far/<stem>.png, or photographs to make pairs of",
}
Files = list[tuple[Path, ...]]


class PatchDataset(Dataset[dict[str, Tensor]]):
    """Patches of two registered lumas in [0, 1]: `sources`, (2, size, size).

    Args:
        scenes: Each side has at least `size` pixels.
        size: Side of a patch, pixels.
        patches: How many in all; by default one of each scene.
        fixed: Use the same patches in every epoch.
        augment: Turn and mirror patches.
        swap: Exchange the two sources of half of the patches, of others in every epoch.
        seed: Together with the epoch and the sample's index it decides all of these, whatever
            the number of workers and processes.

    Attributes:
        weights: Measured weights of the sources that `patch` returns, (len, 2), or None. If they
            are set, which is for fixed patches only, samples have `weights`, (2,).

    Raises:
        InputError: a scene is smaller than a patch.
    """

    unit = "patches"

    def __init__(
        self,
        scenes: Sequence[Scene],
        size: int = 64,
        patches: int | None = None,
        fixed: bool = False,
        augment: bool = False,
        swap: bool = False,
        seed: int = 0,
    ) -> None:
        for scene in scenes:
            if min(scene.height, scene.width) < size:
                raise InputError(
                    f"{scene.files[0]} is {scene.width}x{scene.height}, smaller than "
                    f"--crop_size {size}"
                )
        self.scenes = list(scenes)
        self.size = size
        self.patches = patches or len(self.scenes)
        self.fixed = fixed
        self.augment = augment
        self.swap = swap
        self.seed = seed
        self.weights: Tensor | None = None
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by the workers

    def start_epoch(self, epoch: int) -> None:
        """Select the patches of an epoch, counted from 0; of fixed patches the order of sources."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self.patches

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one sample."""
        sample = {"sources": self.patch(index)}
        if self.weights is not None:
            sample["weights"] = self.weights[index]
        rng = random.Random(f"{self.seed} {int(self._epoch)} {index} swap")
        if self.swap and rng.random() < 0.5:
            sample = {name: value.flip(0) for name, value in sample.items()}
        return sample

    def patch(self, index: int) -> Tensor:
        """Return the lumas of one sample before they are exchanged, (2, size, size)."""
        scene = self.scenes[index % len(self.scenes)]
        epoch = 0 if self.fixed else int(self._epoch)
        rng = random.Random(f"{self.seed} {epoch} {index}")
        top = rng.randint(0, scene.height - self.size)
        left = rng.randint(0, scene.width - self.size)
        place = (slice(top, top + self.size), slice(left, left + self.size))
        pair = scene.pair(place, rng)
        if self.augment:
            pair = np.rot90(pair, rng.randrange(4), axes=(1, 2))
            pair = pair[:, :, ::-1] if rng.random() < 0.5 else pair
        return torch.from_numpy(np.ascontiguousarray(pair))


def find_task_scenes(
    task: str, folders: Sequence[Path], flag: str = "--image_path", show_progress: bool = False
) -> list[Scene]:
    """Read every scene of a task.

    Args:
        task: One of `TASKS`.
        folders: Sets, each with two folders of `FOLDERS` or as `LAYOUTS` says; or those two.
        flag: The one that names these folders.
        show_progress: Whether to show a progress bar.

    Raises:
        InputError: no such layout, an image without partner, or unequal sizes.
    """
    couple = _couple(task, folders, flag) if len(folders) == 2 else None
    if couple:
        found = [(_paired(task, couple, flag), Scene)]
    else:
        found = [_find_files(task, folder, flag) for folder in folders]
    scenes: list[Scene] = []
    for files, kind in found:
        scenes += read_scenes(files, f"Reading {task} pairs...", show_progress, kind)
    return scenes


def _find_files(task: str, folder: Path, flag: str) -> tuple[Files, type[Scene]]:
    """Return the files of a set, scene by scene, and the class of these scenes."""
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    if task == "ivif":
        return list(pairs_in(folder, flag).values()), Scene
    inside = sorted(folder.iterdir())
    if couple := _couple(task, [f for f in inside if f.is_dir()], flag):
        return _paired(task, couple, flag), Scene
    if task == "mef":
        return list(find_scenes(folder, flag).values()), Scene
    if task == "mff" and any(f.suffix.lower() in SUFFIXES for f in inside):
        return [(file,) for file in list_images(folder, flag)], Photograph
    raise InputError(f"no {task} pairs in {folder} ({flag}); expected {LAYOUTS[task]}")


def _couple(task: str, folders: Sequence[Path], flag: str) -> list[Path] | None:
    """Return the two folders of a task's pairs, if they are among these."""
    if task == "ivif":
        named = [[f for f in folders if folder_role(f.name) == role] for role in PAIR]
    else:
        named = [[f for f in folders if f.name.lower() in names] for names in FOLDERS[task]]
    for found in named:
        if len(found) > 1:
            both = ", ".join(map(str, found))
            raise InputError(f"{both} ({flag}) are of one kind; give one of them")
    return [found[0] for found in named] if all(named) else None


def _paired(task: str, couple: Sequence[Path], flag: str) -> Files:
    roles = PAIR if task == "ivif" else None
    return list(find_pairs(couple, [flag] * 2, roles=roles).values())


def split_task(
    task: str, folders: Sequence[Path], args: argparse.Namespace
) -> tuple[PatchDataset, PatchDataset | None]:
    """Return the patches of a task to train on, and those of other scenes to validate on if any.

    Raises:
        InputError: see `find_task_scenes`; or too few scenes to split.
    """
    flag = "--image_path" if args.image_path else f"--{task}_path"
    scenes = find_task_scenes(task, folders, flag, args.output)
    train, val = hold_out(scenes, args.train_num, args.val_fraction, args.seed, f"{task} pairs")
    train_set = PatchDataset(
        train,
        args.crop_size,
        args.patches,
        fixed=not args.fresh_patches,
        augment=args.augment,
        swap=True,
        seed=args.seed,
    )
    if not val:
        return train_set, None
    share = args.patches and max(1, round(args.patches * len(val) / len(train)))
    return train_set, PatchDataset(val, args.crop_size, share, fixed=True)


def add_pair_flags(parser: FlagParser, demo: Mapping[str, Path]) -> None:
    """Add the flags that `split_task` reads.

    Args:
        parser: Where to add them.
        demo: The default set of each task.
    """
    data = parser.add_flag_group("data")
    data.add_argument(
        "--tasks",
        nargs="+",
        choices=TASKS,
        default=["ivif"],
        help="tasks to learn one after the other: infrared and visible, exposures, multi-focus",
    )
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        help="sets of the task, if --tasks names one; for several use the flags below",
    )
    for task in TASKS:
        data.add_argument(
            f"--{task}_path",
            type=Path,
            nargs="+",
            default=[demo[task]],
            help=f"sets of the task {task}: {LAYOUTS[task]}",
        )
    data.add_argument(
        "--train_num",
        type=positive_int,
        default=10000,
        help="use at most this many pairs of each task",
    )
    data.add_argument("--crop_size", type=positive_int, default=64, help="side of a patch, pixels")
    data.add_argument(
        "--patches", type=positive_int, help="patches per epoch; by default one of each pair"
    )
    samples = parser.add_flag_group("samples", rare=True)
    samples.add_argument(
        "--val_fraction",
        type=fraction,
        default=0.05,
        help="share of the pairs to validate on instead of training on them",
    )
    samples.add_argument(
        "--fresh_patches",
        action=BooleanFlag,
        opposite="--fixed_patches",
        default=False,
        help="cut new patches in every epoch and measure them in every step; by default they stay "
        "the same, as in the official code, and are measured once",
    )
    samples.add_argument(
        "--augment", action=BooleanFlag, default=False, help="turn and mirror patches"
    )
