"""Copy a labeled set in another size: `python -m benchmark.segmentation.shrink --help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmark.evaluate import natural
from benchmark.output_paths import check_writable
from benchmark.segmentation.rows import find_labeled_set


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.segmentation.shrink",
        description="Copy the images of a set's lists and their label maps in a smaller size: "
        "images by the mean of the pixels that fall on one, label maps by the nearest pixel.",
    )
    parser.add_argument("--data", required=True, help="set of common_data, or a folder like it")
    parser.add_argument("--labels", default="labels", help="name of the set's folder of label maps")
    parser.add_argument(
        "--split", nargs=2, default=("train", "val"), metavar=("TRAIN", "TEST"), help="its lists"
    )
    parser.add_argument(
        "--size", type=natural, nargs=2, required=True, metavar=("WIDTH", "HEIGHT"), help="pixels"
    )
    parser.add_argument("--output", type=Path, required=True, help="a folder that does not exist")
    return parser


def shrink(path: Path, size: Sequence[int], how: int) -> bytes:
    """Return the data of a PNG file with an image in another size."""
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None  # `find_labeled_set` has read it
    return cv2.imencode(".png", cv2.resize(pixels, tuple(size), interpolation=how))[1].tobytes()


def main(argv: Sequence[str] | None = None) -> int:
    """Copy, and return the exit status."""
    args = build_parser().parse_args(argv)
    try:
        if args.output.exists():
            raise ValueError(f"{args.output} (--output) exists; give a folder that does not")
        check_writable(args.output, "folder")
        images = find_labeled_set(args.data, args.labels, args.split)
        if args.size[0] > images.size[0] or args.size[1] > images.size[1]:
            width, height = images.size
            raise ValueError(
                f"{args.size[0]}x{args.size[1]} (--size) is larger than the images, "
                f"{width}x{height}"
            )
        copy(images.every.scenes, images.labels, args)
        for one in (images.train, images.test):
            names = "".join(f"{scene}\n" for scene in one.scenes)
            (args.output / f"{one.split}.txt").write_text(names, encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def copy(scenes: dict[str, list[Path]], labels: dict[str, Path], args: argparse.Namespace) -> None:
    """Write `ir/`, `vis/` and the folder of label maps, as `<scene>.png`."""
    for scene, (ir, vis) in scenes.items():
        files = {"ir": (ir, cv2.INTER_AREA), "vis": (vis, cv2.INTER_AREA)}
        files[args.labels] = (labels[scene], cv2.INTER_NEAREST)
        for folder, (path, how) in files.items():
            target = args.output / folder / f"{scene}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(shrink(path, args.size, how))


if __name__ == "__main__":
    sys.exit(main())
