"""Sets of images to fuse, in the layouts that common_data/prepare.py makes."""

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from benchmark import ROOT
from benchmark.focus_sets import find_scenes, source_name
from benchmark.image_files import (
    SUFFIXES,
    check_same_size,
    index_files,
    index_images,
    read_channels,
)
from benchmark.names import LAYOUTS, find_sides

COMMON = ROOT / "common_data"
HELD_OUT = ("test", "val")  # lists of scenes that no method trains on
SHOWN = 5  # names in an error message
Kind = Literal["pairs", "exposures", "focus"]


@dataclass(frozen=True)
class ImageSet:
    """Scenes to fuse, each with its sources.

    Attributes:
        name: Its name in reports.
        kind: `pairs`, infrared and visible, `exposures`, or `focus`, multi-focus images.
        split: The list that the scenes come from, or `all`.
        scenes: The sources by name: infrared and visible, or two or more exposures
            or multi-focus images.
    """

    name: str
    kind: Kind
    split: str
    scenes: dict[str, list[Path]]

    @property
    def unit(self) -> str:
        """Return what one scene is called."""
        return "pair" if self.kind == "pairs" else "scene"

    @property
    def contents(self) -> str:
        """Return what the set holds, in words."""
        return "multi-focus images" if self.kind == "focus" else self.kind

    def labels(self, scene: str) -> list[str]:
        """Return the name of each source of a scene in reports."""
        if self.kind == "pairs":
            return ["infrared", "visible"]
        return [source_name(path, scene) for path in self.scenes[scene]]


def find_set(data: str, split: str | None = None, first: int | None = None) -> ImageSet:
    """Find a set by its name in common_data, or by its path.

    Args:
        data: Name or path of a folder that holds infrared and visible images, in any layout of
            `names`, a folder for each scene, or multi-focus images in near/ and far/.
        split: Name of a list of the set, or `all`; by default the committed list `test`, else
            `val`, else `all`.
        first: Take at most this many scenes, in the order of the list.

    Raises:
        ValueError: The set or the list does not exist, or an image is missing.
    """
    parts = Path(data).parts
    named = COMMON / data if parts and ".." not in parts else None
    folder = named if named and _has_images(named) else Path(data)
    if not _has_images(folder):
        why = "it has no image" if folder.is_dir() else "the folder does not exist"
        raise ValueError(
            f"no set {data} (--data): {why}; expected {COMMON / data}, which "
            "common_data/prepare.py makes, or the path of a folder laid out like it"
        )
    inside = folder.resolve().is_relative_to(COMMON)
    name = folder.resolve().relative_to(COMMON).as_posix() if inside else folder.resolve().name
    committed = COMMON / "splits" / name
    split = split or next((s for s in HELD_OUT if (committed / f"{s}.txt").is_file()), "all")
    kind: Kind
    if any(find_sides(folder).values()):
        kind, found = "pairs", _pairs(folder)
    else:
        kind, found = find_scenes(folder, "--data")
    names = sorted(found) if split == "all" else _listed(folder, name, split)
    _check(names, found, 2, folder)
    if split == "all" and inside:
        _check_complete(committed, found)
    chosen = list(islice(names, first))
    return ImageSet(name, kind, split, {scene: found[scene] for scene in chosen})


def _has_images(folder: Path) -> bool:
    """Return True if there is an image in a folder, or in a folder in it."""
    files = (path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    return any(path.suffix.lower() in SUFFIXES and path.is_file() for path in files)


def _check_complete(lists: Path, found: dict[str, list[Path]]) -> None:
    """Raise a ValueError if a scene on the committed lists is missing."""
    names = [name for path in sorted(lists.glob("*.txt")) for name in _read_list(path)]
    if lacking := [name for name in names if name not in found]:
        raise ValueError(
            f"set {lists.name} (--data) is incomplete: {len(lacking)} of the {len(names)} scenes "
            f"on its lists are missing, {lacking[0]} first; common_data/prepare.py --check "
            f"{lists.name} names them, --split takes one of its lists"
        )


def _read_list(path: Path) -> list[str]:
    try:
        names = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} (--split) is not a list of names in UTF-8: {error}") from error
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"{path} (--split) names {twice[0]} {names.count(twice[0])} times")
    return names


def check_sources(images: ImageSet) -> None:
    """Raise a ValueError if a source cannot be read, or if those of a scene differ in size."""
    for scene, paths in images.scenes.items():
        try:
            check_same_size({path: read_channels(path) for path in paths})
        except (OSError, ValueError) as error:
            raise ValueError(f"{scene} (--data): {error}") from error


def _pairs(folder: Path) -> dict[str, list[Path]]:
    """Return the images of each pair that exist, infrared first."""
    found = [find_sides(folder)[role] for role in ("ir", "vis")]
    folders = [path for paths in found for path in paths if path.is_dir()]
    if not all(found) or len(folders) > len(found):
        held = ", ".join(path.name for path in folders)
        raise ValueError(
            f"cannot pair the images in {folder} (--data), which holds {held or 'one kind'}; "
            f"expected {LAYOUTS}"
        )
    if folders:
        sides = [index_images(path, "--data") for path in folders]
    else:
        sides = [index_files(files, folder, "--data") for files in found]
    names = set[str]().union(*sides)
    return {name: [side[name] for side in sides if name in side] for name in names}


def _listed(folder: Path, name: str, split: str) -> list[str]:
    places = (COMMON / "splits" / name, folder)
    for path in (place / f"{split}.txt" for place in places):
        if path.is_file():
            return _read_list(path)
    lists = sorted({path.stem for place in places for path in place.glob("*.txt")})
    raise ValueError(
        f"set {name} has no list {split} (--split); it has {', '.join([*lists, 'all'])}"
    )


def _check(names: list[str], found: dict[str, list[Path]], least: int, folder: Path) -> None:
    if not names:
        raise ValueError(f"{folder} (--data) has no scene to fuse")
    lacking = [name for name in names if len(found.get(name, [])) < least]
    if lacking:
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        raise ValueError(
            f"{folder} (--data) lacks sources of {', '.join(lacking[:SHOWN])}{more}; "
            "pairs are ir/<stem>.* and vis/<stem>.*, exposures and multi-focus images <scene>/*"
        )


def stage(images: ImageSet, folder: Path) -> list[str]:
    """Lay out the chosen scenes in a folder and return the flags that name them to a method.

    Args:
        images: The scenes.
        folder: An empty folder. It gets links to the sources, or copies where links fail.
    """
    if images.kind != "pairs":
        for scene, sources in images.scenes.items():
            named = zip(images.labels(scene), sources, strict=True)
            link_files((path, folder / scene / f"{name}{path.suffix}") for name, path in named)
        return ["--scene_dir", str(folder)]
    for place, side in enumerate(("ir", "vis")):
        files = {scene: sources[place] for scene, sources in images.scenes.items()}
        link_files((path, folder / side / f"{scene}{path.suffix}") for scene, path in files.items())
    return ["--ir", str(folder / "ir"), "--vis", str(folder / "vis")]


def link_files(files: Iterable[tuple[Path, Path]]) -> None:
    """Make links to sources, (source, target) each, or copies where links fail."""
    for source, target in files:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(source.resolve())
        except OSError:
            shutil.copyfile(source, target)
