"""Fuse two images with an ONNX file that `run_export.py` of a method has written.

    python fuse.py --model densefuse.onnx --vis visible.png --ir infrared.png --output fused.png

It needs numpy, opencv-python and onnxruntime, and nothing else of this repository: it can be copied
out, and is short enough to be rewritten in another language.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pixels import InputError, check_output, infrared_values, read_image, write_image
from tiled_onnx import OnnxFusion

SOURCES = ("vis", "ir", "under", "over")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = argparse.ArgumentParser(
        description="Fuse two registered images with an ONNX file.", allow_abbrev=False
    )
    parser.add_argument("--model", type=Path, required=True, help="what run_export.py has written")
    parser.add_argument("--vis", type=Path, help="visible image")
    parser.add_argument("--ir", type=Path, help="infrared image")
    parser.add_argument("--under", type=Path, help="under-exposed image")
    parser.add_argument("--over", type=Path, help="over-exposed image")
    parser.add_argument("--output", type=Path, required=True, help="write this image")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing result")
    parser.add_argument(
        "--ir_range",
        default="full",
        metavar="{full,minmax,percentile,LO:HI}",
        help="infrared values that become 0 to 1: all that the file's type can hold (default), "
        "from the least to the greatest, from the 1st to the 99th percentile, or from LO to HI",
    )
    parser.add_argument(
        "--ir_color",
        choices=("error", "luma"),
        default="error",
        help="refuse a colored infrared image (default), or take its luma",
    )
    parser.add_argument(
        "--tile",
        type=int,
        help="side of the tiles in pixels, 0 for the whole image at once; by default large images "
        "are fused in tiles, if the file can be used so",
    )
    parser.add_argument("--threads", type=int, default=0, help="of the processor; 0 for all")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Fuse what `args` names."""
    check_output(args.output, args.overwrite)
    fusion = OnnxFusion(args.model, args.threads)
    named = [name for name in SOURCES if getattr(args, name)]
    if set(named) != set(fusion.sources):
        wanted, given = (" and ".join(f"--{n}" for n in each) for each in (fusion.sources, named))
        raise InputError(f"{args.model} takes {wanted}; given: {given or 'no source'}")
    paths = [getattr(args, name) for name in fusion.sources]
    images = [read_image(path) for path in paths]
    if "ir" in fusion.sources:
        images[1] = infrared_values(paths[1], images[1], args.ir_range, args.ir_color)
    if images[0].shape[:2] != images[1].shape[:2]:
        both = zip(paths, images, strict=True)
        found = ", ".join(f"{path} {i.shape[1]}x{i.shape[0]}" for path, i in both)
        raise InputError(f"sizes differ: {found}; the images must be registered")
    write_image(args.output, fusion.fuse(images, args.tile), args.overwrite)
    print(f"Output path: {args.output}")


if __name__ == "__main__":
    try:
        main(parse_args())
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
