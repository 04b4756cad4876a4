"""Multi-focus pairs made from sharp photographs: each image blurs what the other keeps sharp.

`python -m utils.util_focus --image_path PHOTOS --output FOLDER` writes such pairs and the lumas of
the photographs to `near/`, `far/` and `sharp/` in FOLDER.

Departure: the official training set holds real pairs; these pairs are made, so that
photographs are enough to train on.
"""

import argparse
import random
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from utils.common.flags import FlagParser, positive_int
from utils.common.image import write_image
from utils.common.listing import list_images
from utils.common.pairs import FusionJob, check_outputs
from utils.common.scenes import Scene, read_luma
from utils.common.values import Array, from_unit, to_unit
from utils.utils import run_main

SIGMAS = (1.0, 4.0)  # range of the standard deviation of the blur, pixels
MARGIN = 12  # radius of the blur, pixels: three times its greatest standard deviation
PLANES = ("near", "far", "sharp")  # images written for each photograph
COARSE = (2, 6)  # range of the sides of the coarse random grid that decides what is near


class Photograph(Scene):
    """A sharp image, from each rectangle of which a multi-focus pair can be made."""

    def pair(self, place: tuple[slice, slice], rng: random.Random) -> Array:
        """Return a rectangle as a pair focused near and far: (2, h, w) in [0, 1]."""
        starts = [max(0, side.start - MARGIN) for side in place]
        ends = [side.stop + MARGIN for side in place]
        around = tuple(map(slice, starts, ends))
        inside = [
            slice(side.start - start, side.stop - start)
            for side, start in zip(place, starts, strict=True)
        ]
        return defocus(to_unit(self.luma(0)[around]), rng)[:, inside[0], inside[1]]


def defocus(sharp: Array, rng: random.Random) -> Array:
    """Return an image focused near and far: (H, W) in [0, 1] to (2, H, W).

    About half of the image, a random part with a smooth boundary, is near. A Gaussian blurs the
    far part of the first result and the near part of the second one.

    Args:
        sharp: Image that is in focus everywhere.
        rng: Draws the parts and the blur.
    """
    height, width = sharp.shape
    cells = [rng.randint(*COARSE) for _ in range(2)]
    coarse = np.array([[rng.random() for _ in range(cells[1])] for _ in range(cells[0])])
    smooth = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    sigma = rng.uniform(*SIGMAS)
    near = (smooth > np.median(smooth)).astype(np.float32)
    near = cv2.GaussianBlur(near, (0, 0), sigma / 2, borderType=cv2.BORDER_REFLECT_101)
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.stack([near * sharp + (1 - near) * blurred, (1 - near) * sharp + near * blurred])


def main(args: argparse.Namespace) -> None:
    """Write a pair for each photograph."""
    files = list_images(args.image_path, "--image_path")[: args.train_num]
    jobs = [
        FusionJob((file,), args.output / name / f"{file.stem}.png")
        for file in files
        for name in PLANES
    ]
    check_outputs(jobs, overwrite=False)
    for name in PLANES:
        (args.output / name).mkdir(parents=True, exist_ok=True)
    for file in tqdm(files):
        luma = read_luma(file)
        sharp = to_unit(luma)
        pair = defocus(sharp, random.Random(f"{args.seed} {file.name}"))
        for name, pixels in zip(PLANES, (*pair, sharp), strict=True):
            path = args.output / name / f"{file.stem}.png"
            write_image(path, from_unit(pixels, luma.dtype))


if __name__ == "__main__":
    flags = FlagParser(description="Make multi-focus pairs from photographs.")
    flags.add_argument("--image_path", type=Path, required=True, help="folder of photographs")
    flags.add_argument(
        "--output", type=Path, required=True, help="write the folders near, far and sharp here"
    )
    flags.add_argument(
        "--train_num", type=positive_int, help="use at most this many photographs (default: all)"
    )
    flags.add_argument("--seed", type=int, default=0, help="seed of the parts and the blur")
    run_main(main, flags.parse_args())
