# From common_code/photographs/utils/util_reconstruct.py; edit it there, then tools/sync.py.
"""Score how well an auto-encoder gives back photographs that it was not trained on.

    python -m utils.util_reconstruct --image_path PHOTOS [--weights FILE] [--rgb_mode channels]

An image fused with itself is its reconstruction, so this measures the very path that fusing takes.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pytorch_msssim import ssim
from tqdm import tqdm

from utils.common.color import LUMA
from utils.common.flags import FlagParser, positive_int
from utils.common.image import list_images, read_image, to_unit
from utils.util_device import set_threads
from utils.util_fusion import ImageFusion
from utils.utils import run_main


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="PSNR and SSIM of photographs and their reconstructions.")
    parser.add_argument("--image_path", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--first", type=positive_int, help="take only this many, by name")
    parser.add_argument("--weights", type=Path, help="weights or checkpoint, instead of our own")
    parser.add_argument("--rgb_mode", choices=("luma", "channels"), default="luma", help="network")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for one a core")
    return parser.parse_args(argv)


def score(image: np.ndarray, reconstruction: np.ndarray) -> tuple[float, float]:
    """Return PSNR in dB (infinite if equal) and SSIM of float32 arrays in [0, 1].

    Args:
        image: (H, W) or (H, W, 3), sides of at least 11 pixels.
        reconstruction: Likewise, clipped but not rounded.
    """
    error = float(np.mean((image.astype(np.float64) - reconstruction) ** 2))
    pair = [
        torch.from_numpy(np.atleast_3d(x)).permute(2, 0, 1)[None] for x in (image, reconstruction)
    ]
    return -10 * math.log10(error) if error else math.inf, float(ssim(*pair, data_range=1.0))


def main(args: argparse.Namespace) -> None:
    """Print the mean over a folder and its worst image."""
    set_threads(args.threads)
    fusion = ImageFusion(args.weights, rgb_mode=args.rgb_mode, device=args.device)
    files = list_images(args.image_path, "--image_path")[: args.first]
    scores = {}
    for path in tqdm(files, unit="image"):
        image = to_unit(read_image(path))
        if fusion.channels == 1 and image.ndim == 3:
            image = image @ np.array(LUMA, np.float32)
        scores[path.name] = score(image, fusion.fuse([image, image]))
    psnr, similarity = np.mean(list(scores.values()), axis=0)
    worst = min(scores, key=lambda name: scores[name][0])
    print(f"{len(files)} images, {fusion.weights.name}: PSNR {psnr:.2f} dB, SSIM {similarity:.5f}")
    print(f"worst: {worst} PSNR {scores[worst][0]:.2f} dB, SSIM {scores[worst][1]:.5f}")


if __name__ == "__main__":
    run_main(main, parse_args())
