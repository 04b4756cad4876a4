"""Fuse without a network: python -m benchmark.baselines average --ir DIR --vis DIR ..."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.image_files import (
    check_same_size,
    index_images,
    index_scenes,
    read_channels,
    scene_name,
)
from benchmark.metrics.color import luma
from benchmark.output_paths import check_no_input, check_writable

Array = NDArray[Any]  # float64, (H, W, 1 or 3), R, G, B, in 0-255
Rule = Callable[[Sequence[Array]], Array]
COARSEST = 16  # pixels; a pyramid stops before a side gets shorter


def average(images: Sequence[Array]) -> Array:
    """Return the mean of the images."""
    return np.mean(images, axis=0)


def laplacian_maximum(images: Sequence[Array]) -> Array:
    """Take each detail of the Laplacian pyramids from where it is strongest (Burt, Adelson, 1983).

    The strength is the sum of the absolute values of the channels. The coarsest level is averaged.
    """
    levels = zip(*map(laplacian_pyramid, images), strict=True)
    *details, coarsest = [np.stack(level) for level in levels]  # (N, H, W, C) each
    fused = coarsest.mean(axis=0)
    for level in reversed(details):
        strongest = np.abs(level).sum(axis=-1, keepdims=True).argmax(axis=0)[None]
        fused = _double(fused, level.shape[1:]) + np.take_along_axis(level, strongest, axis=0)[0]
    return fused


def laplacian_pyramid(image: Array) -> list[Array]:
    """Return the details of each level, the finest first, and the coarsest level itself."""
    levels = []
    while min(image.shape[:2]) >= 2 * COARSEST:
        small = np.atleast_3d(cv2.pyrDown(image))
        levels.append(image - _double(small, image.shape))
        image = small
    return [*levels, image]


def _double(image: Array, shape: Sequence[int]) -> Array:
    return np.atleast_3d(cv2.pyrUp(image, dstsize=(shape[1], shape[0])))


def mertens(images: Sequence[Array]) -> Array:
    """Fuse exposures with OpenCV's MergeMertens in its default settings (Mertens et al., 2007).

    It gets the channels in the order R, G, B, which changes its measure of contrast.
    """
    color = [np.repeat(image, 3 // image.shape[2], axis=2) for image in images]
    merged = cv2.createMergeMertens().process([np.uint8(image + 0.5) for image in color])
    return 255 * merged.astype(np.float64)


RULES: dict[str, Rule] = {
    "average": average,
    "laplacian": laplacian_maximum,
    "mertens": mertens,
}


def fuse_pair(rule: Rule, infrared: Array, visible: Array) -> Array:
    """Fuse the lumas and keep the visible image's color."""
    lumas = [luma(np.moveaxis(image, 2, 0))[..., None] for image in (infrared, visible)]
    return visible + (rule(lumas) - lumas[1])


def fuse_exposures(rule: Rule, exposures: Sequence[Array]) -> Array:
    """Fuse exposures in color, or in gray if all of them are gray."""
    channels = max(image.shape[2] for image in exposures)
    return rule([np.repeat(image, channels // image.shape[2], axis=2) for image in exposures])


def read(paths: Sequence[Path]) -> list[Array]:
    """Read images of one size."""
    channels = {path: read_channels(path) for path in paths}
    check_same_size(channels)
    return [np.moveaxis(image, 0, 2) for image in channels.values()]


def write(path: Path, image: Array) -> None:
    """Write an image with 8 bits per channel."""
    bytes_ = np.floor(np.clip(image, 0, 255) + 0.5).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(path.suffix, bytes_[..., ::-1])[1].tofile(path)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser. It has the flags of the methods' `run_fusion.py` that `run.py` uses."""
    parser = argparse.ArgumentParser(description="Fuse images without a network.")
    parser.add_argument("rule", choices=RULES)
    parser.add_argument("--ir", type=Path, help="folder of infrared images")
    parser.add_argument("--vis", type=Path, help="folder of visible images of the same names")
    parser.add_argument(
        "--scene_dir", type=Path, help="folders of exposures, DIR/<scene>/*, not --ir and --vis"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write <stem>.png to")
    parser.add_argument("--overwrite", action="store_true", help="replace existing results")
    return parser


def find_sources(args: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the sources by the name of their result.

    Raises:
        ValueError: The flags do not name pairs or exposures, or a partner is missing.
    """
    if args.scene_dir and not (args.ir or args.vis):
        return index_scenes(args.scene_dir, "--scene_dir")
    if args.scene_dir or not (args.ir and args.vis):
        raise ValueError("give --ir and --vis, or --scene_dir")
    ir, vis = (
        index_images(path, flag, scene_name)
        for path, flag in ((args.ir, "--ir"), (args.vis, "--vis"))
    )
    if lonely := sorted(ir.keys() ^ vis.keys()):
        raise ValueError(f"{lonely[0]} is not in both --ir and --vis")
    return {name: [ir[name], vis[name]] for name in vis}


def main(args: argparse.Namespace) -> int:
    """Fuse, print the mean time and return the exit status."""
    rule = RULES[args.rule]
    seconds = []
    try:
        check_writable(args.output, "folder")
        sources = find_sources(args)
        targets = {name: args.output / f"{name}.png" for name in sources}
        taken = [path for path in targets.values() if path.exists()]
        if taken and not args.overwrite:
            raise ValueError(f"{taken[0]} exists; --overwrite replaces it")
        check_no_input(targets.values(), (path for paths in sources.values() for path in paths))
        for name, paths in sources.items():
            images = read(paths)
            start = time.perf_counter()
            pair = args.scene_dir is None
            fused = fuse_pair(rule, *images) if pair else fuse_exposures(rule, images)
            seconds.append(time.perf_counter() - start)
            write(targets[name], fused)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    timed = seconds[1:] or seconds  # the first one warms up, as in the methods
    mean = sum(timed) / len(timed)
    print(f"Mean time: {mean:.3f} seconds per result, without reading and writing")
    return 0


if __name__ == "__main__":
    sys.exit(main(build_parser().parse_args()))
