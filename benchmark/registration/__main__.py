"""Measure how well `--register` undoes known warps of pairs of infrared and visible images.

Public pairs are a few pixels off themselves, so consistency is measured: the transform found for a
warped pair, after the warp, beside the transform found for the pair as it is.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark import ROOT
from benchmark.environment import child_environment
from benchmark.evaluate import natural
from benchmark.registration.warps import WARPS

METHOD = "DenseFuse_2019"  # all methods register by the same code
MODELS = ("similarity", "affine", "homography")


def some_pairs(text: str) -> tuple[str, int]:
    """Return the absolute folder and the number that `FOLDER=N` names (an argparse type)."""
    folder, _, number = text.rpartition("=")
    if not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no folder {folder}; expected FOLDER=N")
    return str(Path(folder).resolve()), natural(number)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.registration", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--pairs",
        nargs="+",
        type=some_pairs,
        required=True,
        metavar="FOLDER=N",
        help="N pairs, evenly by name, of a folder of infrared and visible images",
    )
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=["affine"], help="transforms to find"
    )
    parser.add_argument(
        "--warps", nargs="+", choices=tuple(WARPS), default=["S", "M"], help="sizes of the warps"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="of the warps")
    parser.add_argument(
        "--unrelated", type=int, default=0, help="also register so many pairs of different scenes"
    )
    parser.add_argument(
        "--video", action="store_true", help="take each folder for the frames of a video instead"
    )
    parser.add_argument(
        "--fused",
        type=lambda text: str(Path(text).resolve()),
        metavar="FOLDER",
        help="fuse the pairs as they are, warped and registered instead, by the first model, warp "
        "and seed, write the three beside each other, and print their scores",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Print tables, and return the exit status."""
    job = json.dumps(vars(parse_args(argv)))
    command = [sys.executable, "-m", f"benchmark.registration.{METHOD}", job]
    return subprocess.run(
        command, cwd=ROOT / METHOD, env=child_environment(), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
