"""Score how well an auto-encoder reconstructs photographs that it was not trained on.

An image fused with itself is its reconstruction, so this measures the way that fusing takes. It
runs in the method's folder, whose `ImageFusion` it imports; with `--method` it starts itself there.
"""

import argparse
import importlib
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_msssim import ssim
from tqdm import tqdm

from benchmark.environment import child_environment, resolve_device
from benchmark.evaluate import natural
from benchmark.image_files import list_images, read_channels
from benchmark.methods import method_folders
from benchmark.metrics.color import luma


class Quality(NamedTuple):
    """PSNR in dB, infinite for equal images, and SSIM."""

    psnr: float
    ssim: float


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.reconstruct",
        description="Print PSNR and SSIM of photographs and their reconstructions.",
    )
    methods = [folder.name for folder in method_folders()]
    parser.add_argument("--method", choices=methods, help="default: that of the working folder")
    parser.add_argument("--images", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--first", type=natural, help="score at most this many, by name")
    parser.add_argument("--weights", type=Path, help="weights or checkpoint (default: the shipped)")
    parser.add_argument(
        "--rgb_mode", choices=("luma", "channels"), help="network (default: the method's default)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return parser


def start_in(folder: Path, args: argparse.Namespace) -> int:
    """Run this module in a method's folder with the same flags and return the exit status."""
    args.images, args.weights = (p and p.resolve() for p in (args.images, args.weights))
    given = {name: value for name, value in vars(args).items() if value and name != "method"}
    flags = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmark.reconstruct", *flags]
    return subprocess.run(command, cwd=folder, env=child_environment(), check=False).returncode


def load_fusion(args: argparse.Namespace) -> Any:
    """Return the `ImageFusion` of the method in the working folder.

    Raises:
        ValueError: The folder has none, or it cannot use the weights or `--rgb_mode`.
    """
    try:
        fusion = importlib.import_module("utils.util_fusion").ImageFusion
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{Path.cwd()} is not the folder of a method ({error}); --method names one"
        ) from error
    modes = {"rgb_mode": args.rgb_mode} if args.rgb_mode else {}
    try:
        return fusion(weights=args.weights, device=resolve_device(args.device), **modes)
    except TypeError as error:
        raise ValueError(f"{Path.cwd().name} has no --rgb_mode: {error}") from error


def read_photograph(path: Path, gray: bool) -> NDArray[np.float32]:
    """Return a photograph in [0, 1], as its luma (H, W) if `gray`, else as it is, (H, W[, 3])."""
    channels = read_channels(path)
    image = luma(channels) if gray or len(channels) == 1 else np.moveaxis(channels, 0, 2)
    return (image / 255).astype(np.float32)


def quality(image: NDArray[np.float32], reconstruction: NDArray[np.float32]) -> Quality:
    """Return PSNR and SSIM of a reconstruction.

    Args:
        image: (H, W) or (H, W, 3) in [0, 1], sides of at least 11 pixels.
        reconstruction: Same shape, clipped to [0, 1] but not rounded.
    """
    error = float(np.mean((image.astype(np.float64) - reconstruction) ** 2))
    batches = [
        torch.from_numpy(np.atleast_3d(x)).permute(2, 0, 1)[None] for x in (image, reconstruction)
    ]
    psnr = -10 * math.log10(error) if error else math.inf
    return Quality(psnr, float(ssim(*batches, data_range=1.0)))


def score(args: argparse.Namespace) -> None:
    """Print the mean over a folder and its worst image.

    Raises:
        ValueError: The folder has no image, or the working folder no method.
    """
    fusion = load_fusion(args)
    scores = {}
    files = list_images(args.images, "--images")[: args.first]
    for path in tqdm(files, unit="image"):
        image = read_photograph(path, gray=fusion.channels == 1)
        scores[path.name] = quality(image, fusion.fuse([image, image]))
    mean = Quality(*np.mean(list(scores.values()), axis=0))
    worst = min(scores, key=lambda name: scores[name].psnr)
    print(f"{len(scores)} images, {fusion.weights}: {_text(mean)}")
    print(f"worst: {worst} {_text(scores[worst])}")


def _text(found: Quality) -> str:
    return f"PSNR {found.psnr:.2f} dB, SSIM {found.ssim:.5f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Score, or start in the folder of `--method`. Return the exit status."""
    args = build_parser().parse_args(argv)
    if args.method:
        [folder] = [folder for folder in method_folders() if folder.name == args.method]
        return start_in(folder, args)
    try:
        score(args)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
