# From common_code/photographs/utils/util_dataset.py; edit it there, then tools/sync.py.
"""The photographs that an auto-encoder learns to reconstruct (DenseFuse, NestFuse).

Pairs of images are not needed: training does not fuse, the decoder learns to undo the encoder.
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

from utils.common.color import luma_of_array
from utils.common.flags import BooleanFlag, FlagParser, fraction, positive_int
from utils.common.image import read_image
from utils.common.listing import list_images
from utils.common.split import hold_out
from utils.common.values import to_unit


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
        """Select the crops of an epoch, counted from 0.

        If this is never called, all epochs use the same crops.
        """
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        """Return one image, (C, size, size).

        Raises:
            InputError: the file cannot be read; the message names it.
        """
        pixels = read_image(self.files[index])
        rng = random.Random(f"{self.seed} {int(self._epoch)} {index}")
        pixels = self._square(pixels, rng)
        if self.flip and rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(self._channels(to_unit(pixels))))

    def _square(self, pixels: np.ndarray, rng: random.Random) -> np.ndarray:
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
        top, left = rng.randint(0, height - self.size), rng.randint(0, width - self.size)
        return pixels[top : top + self.size, left : left + self.size]

    def _channels(self, image: np.ndarray) -> np.ndarray:
        """Return (C, H, W): the luma, or R, G and B, which are equal for a gray photograph."""
        if self.gray:
            return luma_of_array(image)[None]
        return image.transpose(2, 0, 1) if image.ndim == 3 else np.stack([image] * 3)


def _scale(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    shrink = height * width < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(
        pixels, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    )


def add_photo_flags(parser: FlagParser, image_path: Path, train_num: int) -> None:
    """Add the flags that `split_photos` reads.

    Args:
        parser: Where to add them.
        image_path: Default.
        train_num: Default.
    """
    data = parser.add_flag_group("data")
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        default=[image_path],
        help="folders of photographs, such as those of MS-COCO",
    )
    data.add_argument(
        "--gray",
        action=BooleanFlag,
        default=True,
        help="train on the luma (1 channel) instead of R, G and B",
    )
    data.add_argument(
        "--train_num", type=positive_int, default=train_num, help="use at most this many images"
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=256, help="side of a sample, pixels"
    )
    samples = parser.add_flag_group("samples", rare=True)
    samples.add_argument(
        "--val_fraction",
        type=fraction,
        default=0.05,
        help="share of the images to validate on instead of training on them",
    )
    samples.add_argument(
        "--sampling",
        choices=("resize", "crop"),
        default="resize",
        help="scale whole images to that side, as the papers do, or cut squares out of them",
    )
    samples.add_argument(
        "--flip",
        action=BooleanFlag,
        default=False,
        help="mirror half of the samples left to right",
    )


def split_photos(args: argparse.Namespace) -> tuple[PhotoDataset, PhotoDataset | None]:
    """Return the photographs to train on, and those to validate on if any.

    Raises:
        InputError: no images, or too few to split.
    """
    files = [file for folder in args.image_path for file in list_images(folder, "--image_path")]
    train_files, val_files = hold_out(files, args.train_num, args.val_fraction, args.seed, "images")
    common = (args.gray, args.crop_size, args.sampling)
    train_set = PhotoDataset(train_files, *common, flip=args.flip, seed=args.seed)
    return train_set, PhotoDataset(val_files, *common) if val_files else None
