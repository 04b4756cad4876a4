"""Labeled pairs: which files belong together, and how they are read.

A set is a folder with `vis/`, `ir/` and `labels/`, where files of one stem belong together. MFNet
is distributed in another form: `images/`, with infrared as the fourth channel, and `labels/`. A
split is a text file with one stem per line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from utils.common.image import read_image
from utils.common.infrared import as_gray
from utils.common.listing import list_images
from utils.common.values import Array, to_unit
from utils.utils import InputError

CLASSES = (  # of MFNet (Ha et al. 2017); the id of a class is its index
    "unlabeled", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone", "bump",
)  # fmt: skip
PALETTE = (  # R, G, B of each class
    (0, 0, 0), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 192),
    (128, 128, 0), (64, 64, 128), (192, 128, 128), (192, 64, 0),
)  # fmt: skip
DATA_LINKS = {  # from the README of https://github.com/wyh1210/BFFR
    "MFNet": "https://drive.google.com/file/d/1VxTVJ0O72i-dcmfwUThPCDoYwVKIuyri/view",
    "TNO": "https://drive.google.com/file/d/1gWGFUSbhGvXOKlfUNxi5pkmSlrUghpuy/view",
    "RoadScene": "https://drive.google.com/file/d/1eRRqrlRkKSHK4M0toPbz292kKUCKB1Fw/view",
}


@dataclass(frozen=True)
class LabeledPair:
    """The files of one scene.

    `ir` is None if it is the fourth channel of `vis`. `label` is None if no label is needed.
    """

    stem: str
    vis: Path
    ir: Path | None
    label: Path | None


def find_labeled_pairs(
    root: Path, split: str | None, flag: str, with_labels: bool = True
) -> list[LabeledPair]:
    """Return the scenes of a split, in the order of its list.

    Args:
        root: The folder of the set.
        split: Name of the list, such as `train` for the set's `train.txt`, or a path that ends in
            `.txt`. None takes all scenes, sorted by stem.
        flag: The flag or setting that gave the folder, for messages.
        with_labels: Require a label for each scene; otherwise `labels/` is not read.

    Raises:
        InputError: a folder or the list is missing, or a scene has no image, partner or label.
    """
    if not root.is_dir():
        links = ", ".join(f"{name} {link}" for name, link in DATA_LINKS.items())
        raise InputError(f"no folder {root} ({flag}); the authors of BFFR link {links}")
    joined = (root / "images").is_dir() and not (root / "vis").is_dir()
    vis = _by_stem(root / ("images" if joined else "vis"), flag)
    ir = {} if joined else _by_stem(root / "ir", flag)
    labels = _by_stem(root / "labels", flag) if with_labels else {}
    source = root
    if split:
        source = Path(split) if split.endswith(".txt") else root / f"{split}.txt"
    stems = _read_split(source, flag) if split else sorted(vis)
    sides = {"vis": vis} if joined else {"vis": vis, "ir": ir}
    for name, files in (sides | {"labels": labels} if with_labels else sides).items():
        lacking = [stem for stem in stems if stem not in files]
        if lacking:
            folder = "images" if joined and name == "vis" else name
            raise InputError(
                f"{source} ({flag}) has {len(lacking)} of {len(stems)} scenes without a file in "
                f"{root / folder}, {lacking[0]} first; expected {folder}/<stem>.png"
            )
    return [LabeledPair(stem, vis[stem], ir.get(stem), labels.get(stem)) for stem in stems]


def _by_stem(folder: Path, flag: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in list_images(folder, flag):
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} have the same stem; keep one of them")
        found[path.stem] = path
    return found


def _read_split(path: Path, flag: str) -> list[str]:
    if not path.is_file():
        raise InputError(
            f"no list {path} ({flag}); expected a text file with one stem of vis/, ir/, labels/ "
            "per line"
        )
    stems = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    stems = [Path(stem).stem if Path(stem).suffix == ".png" else stem for stem in stems if stem]
    if not stems:
        raise InputError(f"{path} ({flag}) is empty")
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise InputError(f"{path} ({flag}) names {twice} twice")
    return stems


def read_pair(pair: LabeledPair) -> Array:
    """Return R, G, B of the visible image and infrared as (H, W, 4), uint8.

    A gray visible image becomes three equal channels; 16 bits are rounded to 8.

    Raises:
        InputError: an image is unreadable, infrared is colored, or the sizes differ.
    """
    if pair.ir is None:
        return _read_joined(pair.vis)
    visible = _to_bytes(read_image(pair.vis))
    infrared = _to_bytes(_read_gray(pair.ir))
    _check_sizes(pair.vis, visible, pair.ir, infrared)
    if visible.ndim == 2:
        visible = visible[..., None].repeat(3, axis=2)
    return np.dstack([visible, infrared])


def read_label(pair: LabeledPair, image: Array, classes: Sequence[str] = CLASSES) -> Array:
    """Return a scene's class ids as (H, W), uint8; 255 is left out of losses and scores.

    Args:
        pair: The scene, found with its label.
        image: From `read_pair`; the label must have its size.
        classes: Names of the classes; ids are indices into it.

    Raises:
        InputError: the label is unreadable, colored, of another size, or has an unknown id.
    """
    assert pair.label
    label = read_image(pair.label)
    if label.ndim == 3 or label.dtype != np.uint8:
        raise InputError(f"{pair.label} is not a label map: expected 8 bits, one channel of ids")
    _check_sizes(pair.vis, image, pair.label, label)
    unknown = sorted(set(np.unique(label).tolist()) - {*range(len(classes)), 255})
    if unknown:
        raise InputError(
            f"{pair.label} has ids {', '.join(map(str, unknown))} outside the {len(classes)} "
            f"classes, 0 ({classes[0]}) to {len(classes) - 1} ({classes[-1]}); 255 is left out"
        )
    return label


def _read_gray(path: Path) -> Array:
    """Return the one channel of an infrared image; unlike fusing, training has no `--ir_color`."""
    pixels = read_image(path)
    if pixels.ndim == 3 and (pixels != pixels[..., :1]).any():
        raise InputError(f"{path} is a colored infrared image; give the gray one it was made from")
    return as_gray(path, pixels, "error")


def _read_joined(path: Path) -> Array:
    """Return an MFNet image with its fourth channel, which `read_image` drops."""
    read_image(path)  # checks the file
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise InputError(f"{path} has no fourth channel; MFNet's images have infrared there")
    return _to_bytes(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))


def _to_bytes(pixels: Array) -> Array:
    return pixels if pixels.dtype == np.uint8 else np.rint(255 * to_unit(pixels)).astype(np.uint8)


def _check_sizes(one: Path, image: Array, other: Path, second: Array) -> None:
    if image.shape[:2] != second.shape[:2]:
        (h, w), (height, width) = image.shape[:2], second.shape[:2]
        raise InputError(f"sizes differ: {one} {w}x{h}, {other} {width}x{height}")
