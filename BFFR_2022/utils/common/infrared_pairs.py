# From common_code/infrared/utils/common/infrared_pairs.py; edit it there, then tools/sync.py.
"""Pairs of a visible and an infrared image: their flags, and folders that hold them."""

import argparse
from pathlib import Path

from utils.common.flags import BooleanFlag, FlagParser
from utils.common.listing import SUFFIXES, list_images
from utils.common.names import LAYOUTS, find_sides
from utils.common.pairs import Found, SourceKind, find_pairs, match, skip_lonely
from utils.utils import InputError, warn

PAIR = ("vis", "ir")  # the first decides the depth


def add_pair_flags(parser: FlagParser) -> None:
    """Add the flags that name and read visible and infrared images."""
    group = parser.add_flag_group("visible and infrared images")
    group.add_argument("--ir", type=Path, help="infrared image or folder")
    group.add_argument("--vis", type=Path, help="visible image or folder")
    group.add_argument(
        "--ir_range",
        type=ir_range,
        default="full",
        metavar="{full,minmax,percentile,LO:HI}",
        help="infrared values that become 0 to 1: all that the file's type can hold, from the "
        "least to the greatest, from the 1st to the 99th percentile, or from LO to HI",
    )
    group.add_argument(
        "--ir_color",
        choices=("error", "luma"),
        default="error",
        help="refuse a colored infrared image, or take its luma",
    )
    group.add_argument(
        "--resize",
        choices=("ir", "vis"),
        help="scale this image to the size of the other one; that does not align them",
    )
    add_register_flags(parser)


def add_register_flags(parser: FlagParser) -> None:
    """Add the flags that bring infrared images onto visible ones."""
    group = parser.add_flag_group("registration", rare=True)
    group.add_argument(
        "--register",
        choices=("none", "similarity", "affine", "homography"),
        default="none",
        help="bring the infrared image onto the visible one by such a transform; affine suits two "
        "cameras on one mount",
    )
    group.add_argument(
        "--register_failed",
        choices=("error", "keep"),
        default="error",
        help="report a pair that cannot be registered and do not fuse it, or fuse it as it is",
    )
    group.add_argument(
        "--register_rig",
        action=BooleanFlag,
        default=False,
        help="take one transform for all pairs or frames, the median of those found",
    )
    group.add_argument(
        "--register_to",
        type=Path,
        metavar="CSV",
        help="write the transforms, from infrared to visible pixels, to this file",
    )
    group.add_argument(
        "--register_from",
        type=Path,
        metavar="CSV",
        help="take the transforms from this file instead of finding them; the row * is for all "
        "pairs without a row",
    )


def ir_range(text: str) -> str:
    """Return `full`, `minmax`, `percentile` or a sound `LO:HI` as it is (an argparse type)."""
    if text in ("full", "minmax", "percentile"):
        return text
    low, _, high = text.partition(":")
    try:
        sound = float(low) < float(high)
    except ValueError:
        sound = False
    if not sound:
        raise argparse.ArgumentTypeError(f"{text}: say full, minmax, percentile or LO:HI, LO < HI")
    return text


def pairs_in(folder: Path, flag: str, allow_unmatched: bool = False) -> Found:
    """Return the visible and infrared images in a folder of any layout of `names`.

    Args:
        folder: Holds two folders of images, or the images themselves.
        flag: What named the folder, for messages.
        allow_unmatched: Skip images without a partner, with a warning, instead of raising.

    Raises:
        InputError: another layout, or see `find_pairs`.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    sides = find_sides(folder)
    folders = [path for path in (*sides["vis"], *sides["ir"]) if path.is_dir()]
    if not (sides["vis"] and sides["ir"]):
        names = ", ".join(path.name for path in folders) or "no such folders or file names"
        raise InputError(
            f"cannot pair the images in {folder} ({flag}): found {names}; expected {LAYOUTS}"
        )
    if len(folders) > len(PAIR):
        twice = max((sides[role] for role in PAIR), key=len)
        both = ", ".join(map(str, twice))
        raise InputError(f"{both} ({flag}) are of one kind; give one of them")
    if folders:
        loose = [path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        if loose:
            warn(f"{folder}: left out {', '.join(sorted(loose))}, beside the folders of the pairs")
        return find_pairs(folders, [flag] * len(PAIR), allow_unmatched, PAIR)
    images = list_images(folder, flag)
    place = f"{folder} ({flag})"
    unnamed = [f.name for f in images if f not in sides["vis"] and f not in sides["ir"]]
    skip_lonely(unnamed, len(images), place, allow_unmatched)
    found = [[f for f in images if f in sides[role]] for role in PAIR]
    return match(found, [place] * len(PAIR), PAIR, allow_unmatched)


PAIRS = SourceKind("pair", PAIR, pairs_in, roles=PAIR)
