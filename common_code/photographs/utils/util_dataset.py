# From common_code/photographs/utils/util_dataset.py; edit it there, then tools/sync.py.
"""The photographs that an auto-encoder learns to reconstruct (DenseFuse, NestFuse).

One kind of image is enough: training never fuses, it only asks that the decoder undo the encoder.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from utils.common.color import LUMA
from utils.common.flags import BooleanFlag, TypedInt, fraction, positive_int
from utils.common.image import list_images, read_image, to_unit
from utils.common.split import hold_out


class PhotoDataset(Dataset[Tensor]):
    """Square images in [0, 1], (1 or 3, size, size), from files that are decoded as needed.

    Args:
        files: Photographs.
        gray: Take the luma (1 channel), else R, G and B.
        size: Side of the square, pixels.
        sampling: `resize` scales the whole image to the square, as the paper does; `crop` cuts
            a square out at random, after enlarging an image that is smaller than it.
        flip: Mirror half of the images left to right.
        seed: Together with the epoch and the sample's index it decides crop and flip, whatever
            the number of workers and processes.
    """

    unit = "images"

    def __init__(
        self,
        files: Sequence[Path],
        gray: bool = True,
        size: int = 256,
        sampling: str = "resize",
        flip: bool = False,
        seed: int = 0,
    ) -> None:
        self.files = list(files)
        self.gray = gray
        self.size = size
        self.sampling = sampling
        self.flip = flip
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by the workers

    def start_epoch(self, epoch: int) -> None:
        """Choose the crops of an epoch (from 0); never called, they stay the same."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        """Return one image, (C, size, size).

        Raises:
            InputError: the file cannot be read; the message names it.
        """
        pixels = read_image(self.files[index])
        chance = random.Random(f"{self.seed} {int(self._epoch)} {index}")
        pixels = self._square(pixels, chance)
        if self.flip and chance.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(self._channels(to_unit(pixels))))

    def _square(self, pixels: np.ndarray, chance: random.Random) -> np.ndarray:
        height, width = pixels.shape[:2]
        if self.sampling == "resize":
            return _scale(pixels, self.size, self.size)
        enlarge = max(1.0, self.size / min(height, width))
        if enlarge > 1:
            height, width = (
                max(self.size, round(height * enlarge)),
                max(self.size, round(width * enlarge)),
            )
            pixels = _scale(pixels, height, width)
        top, left = chance.randint(0, height - self.size), chance.randint(0, width - self.size)
        return pixels[top : top + self.size, left : left + self.size]

    def _channels(self, image: np.ndarray) -> np.ndarray:
        """Return (C, H, W): the luma, or three channels (a gray photograph's are equal)."""
        if image.ndim == 2:
            image = image[..., None]
        if self.gray and image.shape[2] == 3:
            image = image @ np.array(LUMA, np.float32)[:, None]
        elif not self.gray and image.shape[2] == 1:
            image = image.repeat(3, axis=2)
        return image.transpose(2, 0, 1)


def _scale(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    shrink = height * width < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(
        pixels, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    )


def add_photo_flags(data: argparse._ArgumentGroup, image_path: Path, train_num: int) -> None:
    """Add the flags that `split_photos` reads, with these defaults."""
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        default=[image_path],
        help="folders of photographs, such as MS-COCO's",
    )
    data.add_argument(
        "--gray", action=BooleanFlag, default=True, help="train on the luma (1 channel), else RGB"
    )
    data.add_argument(
        "--train_num",
        action=TypedInt,
        default=train_num,
        help="images to use; the default is an upper bound",
    )
    data.add_argument(
        "--val_fraction", type=fraction, default=0.05, help="share of them to validate on"
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=256, help="side of a sample, pixels"
    )
    data.add_argument(
        "--sampling",
        choices=("resize", "crop"),
        default="resize",
        help="scale whole images to that side, as the papers do, or cut squares out of them",
    )
    data.add_argument(
        "--flip", action=BooleanFlag, default=False, help="mirror half of the samples"
    )


def split_photos(args: argparse.Namespace) -> tuple[PhotoDataset, PhotoDataset | None]:
    """Return the photographs to train on, and those to validate on if any.

    Raises:
        InputError: see `choose_files`.
    """
    train_files, val_files = choose_files(
        args.image_path, args.train_num, args.train_num_typed, args.val_fraction, args.seed
    )
    common = (args.gray, args.crop_size, args.sampling)
    train_set = PhotoDataset(train_files, *common, flip=args.flip, seed=args.seed)
    return train_set, PhotoDataset(val_files, *common) if val_files else None


def choose_files(
    folders: Sequence[Path], wanted: int, typed: bool, val_fraction: float, seed: int
) -> tuple[list[Path], list[Path]]:
    """Return the files to train on and those to validate on, see `hold_out`.

    Args:
        folders: Folders of photographs (not searched below their first level).
        wanted: See `hold_out`; so are the others.
        typed: The user asked for that number.
        val_fraction: Share held out.
        seed: Decides which images are used.

    Raises:
        InputError: no images, or see `hold_out`.
    """
    files = [file for folder in folders for file in list_images(folder, "--image_path")]
    return hold_out(files, wanted, typed, val_fraction, seed, "images", folders)
