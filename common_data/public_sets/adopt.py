"""Bring the files of a local copy, in any usual layout, into the common layout."""

import filecmp
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from public_sets import focus
from public_sets.catalog import IMAGES, DataError, DataSet
from public_sets.names import LAYOUTS, WORDS, file_role, folder_role, strip_mark

LABELS = ("label", "labels", "segmentation_labels", "mask", "masks")
SKIPPED = ("detection", "crop_hr_visible", focus.SKIPPED)
DONE = {None: "copied", "move": "moved"}


@dataclass
class Placer:
    """Puts files in place and counts them. It replaces a different file only if told to.

    Args:
        link: `hard`, `symbolic`, `move`, or None to copy.
        overwrite: True to replace files that differ.
    """

    link: str | None = None
    overwrite: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def place(self, source: Path, target: Path) -> None:
        """Copy or link one file.

        Raises:
            DataError: A different file exists and `overwrite` is off.
        """
        if target.exists() or target.is_symlink():
            if target.exists() and filecmp.cmp(source, target, shallow=False):
                self.counts["kept"] += 1
                return
            self._make_way(target, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.link == "hard":
            target.hardlink_to(source)
        elif self.link == "symbolic":
            target.symlink_to(source.resolve())
        elif self.link == "move":
            shutil.move(source, target)
        else:
            shutil.copy2(source, target)
        self.counts[DONE.get(self.link, "linked")] += 1

    def write(self, image: np.ndarray, target: Path, source: Path) -> None:
        """Write one image as PNG, under the rule of `place`."""
        if target.exists():
            there = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
            if there is not None and np.array_equal(there, image):
                self.counts["kept"] += 1
                return
            self._make_way(target, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(target), image):
            raise DataError(f"cannot write {target} (--output)")
        self.counts["written"] += 1

    def write_list(self, names: Sequence[str], target: Path) -> None:
        """Write the list of a split, under the rule of `place`."""
        text = "".join(f"{name}\n" for name in names)
        if target.exists():
            if target.read_text("utf-8") == text:
                return
            self._make_way(target, target)
        target.write_text(text, "utf-8")

    def _make_way(self, target: Path, source: Path) -> None:
        if not self.overwrite:
            raise DataError(f"{target} exists and differs from {source}; --overwrite replaces it")
        target.unlink()


def images_in(folder: Path) -> list[Path]:
    """Return all image files below a folder, sorted, without hidden and skipped folders."""
    found = []
    for path in sorted(folder.rglob("*")):
        above = _parts(path, folder)
        hidden = any(part.startswith(".") or part in SKIPPED for part in above)
        if path.suffix.lower() in IMAGES and path.is_file() and not hidden:
            found.append(path)
    return found


def _parts(path: Path, folder: Path) -> list[str]:
    """Return the folders between `folder` and a file, in lower case."""
    return [part.lower() for part in path.relative_to(folder).parts[:-1]]


def role_of(path: Path, folder: Path) -> tuple[str, str] | None:
    """Return (role, stem) by the nearest folder that has a role, else by the name of the file."""
    for part in reversed(path.relative_to(folder).parts[:-1]):
        if part.lower() in LABELS:
            return "labels", path.stem
        if role := folder_role(part):
            return role, strip_mark(path.stem, role)
    role = file_role(path.stem)
    return (role, strip_mark(path.stem, role)) if role else None


def _split_four(path: Path, output: Path, placer: Placer) -> None:
    """Split a 4-channel image: the first three are visible, the fourth is infrared."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        shape = "unreadable" if image is None else image.shape
        raise DataError(f"{path}: expected 4 channels (red, green, blue, infrared), found {shape}")
    placer.write(image[..., :3], output / "vis" / f"{path.stem}.png", path)
    placer.write(image[..., 3], output / "ir" / f"{path.stem}.png", path)


def _pairs(item: DataSet, source: Path, output: Path, placer: Placer) -> list[str]:
    found = [(path, role_of(path, source)) for path in images_in(source)]
    fours = [path for path, role in found if not role and path.parent.name.lower() == "images"]
    known = [(path, *role) for path, role in found if role and (item.labels or role[0] in WORDS)]
    if not fours and not {"ir", "vis"} <= {role for _, role, _ in known}:
        raise DataError(
            f"no infrared and visible images in {source} (--source); expected {LAYOUTS}; "
            "or images/ of 4 channels"
        )
    stems: dict[str, set[str]] = defaultdict(set)
    for path in fours:
        _split_four(path, output, placer)
        stems["ir"].add(path.stem)
        stems["vis"].add(path.stem)
    taken: dict[Path, Path] = {}
    for path, role, stem in known:
        target = output / role / f"{stem}{path.suffix.lower()}"
        other = taken.setdefault(target, path)
        if other is not path and not filecmp.cmp(other, path, shallow=False):
            raise DataError(
                f"{other} and {path} differ and are both {role} of {stem}; give the folder of "
                "each part with --source, and an --output for each"
            )
        stems[role].add(stem)
    for target, path in taken.items():
        placer.place(path, target)
    for split in item.counts:
        inside = [stem for path, _, stem in known if split in _parts(path, source)]
        if (source / f"{split}.txt").is_file():
            placer.place(source / f"{split}.txt", output / f"{split}.txt")
        elif inside:
            placer.write_list(sorted(set(inside)), output / f"{split}.txt")
    roles = ["ir", "vis", *(["labels"] if item.labels else [])]
    every = set().union(*stems.values())
    return [f"{stem} has no {role}" for role in roles for stem in sorted(every - stems[role])]


def _exposures(item: DataSet, source: Path, output: Path, placer: Placer) -> list[str]:
    scenes: dict[Path, list[Path]] = defaultdict(list)
    for path in images_in(source):
        scenes[path.parent].append(path)
    names = Counter(folder.name for folder in scenes)
    if double := [name for name, times in names.items() if times > 1]:
        raise DataError(f"scene {double[0]} occurs {names[double[0]]} times in {source} (--source)")
    single = [folder.name for folder, paths in scenes.items() if len(paths) < 2]
    if len(single) == len(scenes):
        raise DataError(f"no folder with two or more exposures in {source} (--source)")
    for folder, paths in scenes.items():
        if len(paths) < 2:
            continue
        stems = [path.stem for path in paths]
        if len(paths) == 2 and set(map(str.lower, stems)) != {"under", "over"}:
            paths, stems = sorted(paths, key=brightness), ["under", "over"]
        for path, stem in zip(paths, stems, strict=True):
            placer.place(path, output / folder.name / f"{stem}{path.suffix.lower()}")
    return [f"{name} has a single exposure, left out" for name in sorted(single)]


def brightness(path: Path) -> float:
    """Return the mean luma. The darkest exposure becomes `under`, the brightest `over`."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DataError(f"{path} cannot be read as an image")
    return float(image.mean())


def _focus(item: DataSet, source: Path, output: Path, placer: Placer) -> list[str]:
    scenes: dict[str, dict[str, Path]] = defaultdict(dict)
    left_out = []
    for path in images_in(source):
        if (found := focus.focus_of(path)) is None:
            left_out.append(f"{path} shows no scene and no focus")
            continue
        scene, name = found
        other = scenes[scene].setdefault(name, path)
        if other is not path:
            raise DataError(f"{other} and {path} (--source) are both {name} of scene {scene}")
    fewest = min((len(files) for files in scenes.values() if len(files) > 1), default=0)
    if not fewest:
        raise DataError(
            f"no scene with two or more images in {source} (--source); expected {focus.LAYOUTS}"
        )
    for scene, files in scenes.items():
        if len(files) != fewest:
            left_out.append(f"{scene} has {len(files)} image(s), others {fewest}; left out")
            continue
        for name, path in files.items():
            placer.place(path, output / scene / f"{name}{path.suffix.lower()}")
    return sorted(left_out)


def _photos(item: DataSet, source: Path, output: Path, placer: Placer) -> list[str]:
    paths = [path for path in images_in(source) if path.suffix.lower() in (".jpg", ".jpeg")]
    if not paths:
        raise DataError(f"no .jpg in {source} (--source)")
    for path in paths:
        placer.place(path, output / f"{path.stem}.jpg")
    return []


def adopt(item: DataSet, source: Path, output: Path, placer: Placer) -> list[str]:
    """Lay out the files of `source` as `output`.

    Returns:
        One line per image without a partner.

    Raises:
        DataError: The folder is missing or its layout is not understood.
    """
    if not source.is_dir():
        raise DataError(f"{source} is not a folder (--source)")
    layouts: dict[str, Callable[[DataSet, Path, Path, Placer], list[str]]] = {
        "pairs": _pairs,
        "exposures": _exposures,
        "focus": _focus,
        "photos": _photos,
    }
    return layouts[item.kind](item, source, output, placer)
