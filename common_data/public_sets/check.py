"""Check that a set on the disk is complete before a run starts."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from public_sets.adopt import images_in
from public_sets.catalog import DataSet

FLIPPED = "_flip"


def _read(path: Path, problems: list[str]) -> np.ndarray | None:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        problems.append(f"{path} cannot be read as an image")
    return image


def _by_stem(folder: Path, problems: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in images_in(folder) if folder.is_dir() else []:
        if path.stem in found:
            problems.append(f"{path} and {found[path.stem].name} have the same stem")
        found[path.stem] = path
    return found


def _missing(item: DataSet, root: Path, have: set[str]) -> list[str]:
    """Return one line per name of the lists that `have` lacks; without lists, compare numbers."""
    problems = []
    splits = item.splits(root)
    for split, names in splits.items():
        problems += [f"{split} list: {name} is missing" for name in names if name not in have]
        expected = item.counts.get(split)
        if expected is not None and len(names) != expected:
            problems.append(f"{split} list holds {len(names)} names, {expected} expected")
    originals = sum(not name.endswith(FLIPPED) for name in have)
    if not splits and item.total is not None and originals != item.total:
        what = "scenes" if item.kind == "focus" else f"images without {FLIPPED}"
        problems.append(f"{originals} {what}, {item.total} expected")
    return problems


def _check_splits(item: DataSet, root: Path, have: set[str], problems: list[str]) -> None:
    """Print how many names of each list exist, and add the missing ones to the problems."""
    for split, names in item.splits(root).items():
        print(f"{item.name} {split}: {len(have.intersection(names))} of {len(names)} present")
    problems += _missing(item, root, have)


def _roles(item: DataSet) -> list[str]:
    return ["ir", "vis", *(["labels"] if item.labels else [])]


def _samples(item: DataSet, root: Path) -> set[str]:
    """Return the names of the pairs, scenes or photographs that exist, by file names alone."""
    if item.kind == "pairs":
        return set.intersection(*(set(_by_stem(root / role, [])) for role in _roles(item)))
    if item.kind == "photos":
        return {path.stem for path in root.glob("*.jpg")}
    scenes = (path for path in root.iterdir() if path.is_dir())
    return {scene.name for scene in scenes if len(images_in(scene)) > 1}


def presence(item: DataSet, root: Path) -> Literal["present", "partial", "absent"]:
    """Return whether all, some or none of the listed or counted files of a set are at `root`."""
    samples = _samples(item, root) if root.is_dir() else set[str]()
    if not samples:
        return "absent"
    return "partial" if _missing(item, root, samples) else "present"


def _pairs(item: DataSet, root: Path) -> list[str]:
    problems: list[str] = []
    roles = _roles(item)
    files = {role: _by_stem(root / role, problems) for role in roles}
    print(f"{item.name}: " + ", ".join(f"{len(files[role])} {role}" for role in roles))
    every = sorted(set().union(*files.values()))
    for stem in every:
        there = {role: files[role][stem] for role in roles if stem in files[role]}
        problems += [f"{stem} has no {role}" for role in roles if role not in there]
        read = {role: _read(path, problems) for role, path in there.items()}
        sizes = {role: image.shape[:2] for role, image in read.items() if image is not None}
        if len(set(sizes.values())) > 1:
            problems.append(f"{stem}: sizes (height, width) differ: {sizes}")
        else:
            problems += _other_size(item, stem, set(sizes.values()))
    _check_splits(item, root, set.intersection(*(set(files[role]) for role in roles)), problems)
    return problems


def _other_size(item: DataSet, name: str, sizes: set[tuple[int, ...]]) -> list[str]:
    """Return a line if the images of a pair or scene have another size than those of the set."""
    if item.size is None or sizes <= {item.size[::-1]}:
        return []
    found = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
    return [f"{name}: {found}, expected {item.size[0]}x{item.size[1]}"]


def _scenes(item: DataSet, root: Path) -> list[str]:
    kind = "exposure" if item.kind == "exposures" else "image"
    problems: list[str] = []
    whole = set()
    for scene in sorted(path for path in root.iterdir() if path.is_dir()):
        images = [_read(path, problems) for path in images_in(scene)]
        sizes = {image.shape[:2] for image in images if image is not None}
        if len(images) < 2:
            problems.append(f"{scene.name} has {len(images)} {kind}(s), at least 2 needed")
        elif len(sizes) > 1:
            problems.append(f"{scene.name}: sizes (height, width) differ: {sorted(sizes)}")
        else:
            whole.add(scene.name)
            problems += _other_size(item, scene.name, sizes)
    print(f"{item.name}: {len(whole)} scenes")
    _check_splits(item, root, whole, problems)
    return problems


def _photos(item: DataSet, root: Path) -> list[str]:
    problems: list[str] = []
    paths = sorted(root.glob("*.jpg"))
    print(f"{item.name}: {len(paths)} photographs")
    for path in paths:
        with path.open("rb") as file:
            if file.read(2) != b"\xff\xd8":
                problems.append(f"{path} is not a JPEG file")
    _check_splits(item, root, {path.stem for path in paths}, problems)
    return problems


def check(item: DataSet, root: Path) -> list[str]:
    """Return one line per problem of the set at `root`; an empty list if it is complete."""
    if not root.is_dir():
        return [f"{root} does not exist (--root)"]
    checks = {"pairs": _pairs, "exposures": _scenes, "focus": _scenes, "photos": _photos}
    return checks[item.kind](item, root)
