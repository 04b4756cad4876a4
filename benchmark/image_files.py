"""Find, pair and read the images to score."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.damage import is_cut_short, lacks_data
from benchmark.metrics.color import luma
from benchmark.names import file_role, strip_mark

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_FUSED = re.compile(r"^fused(?:[-_. ]+|(?=\d))|(?:[-_. ]+|(?<=\d))fused$", re.IGNORECASE)


def read_channels(path: Path) -> NDArray[np.float64]:
    """Read an image as channels R, G, B or as one gray channel, (3 or 1, H, W), in 0-255.

    16-bit values are divided by 257, so that 65535 becomes 255. Alpha is dropped.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it holds no image of 8 or 16 bits, or a damaged one.
    """
    data = path.read_bytes()  # cv2.imread fails on Unicode paths on Windows
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise ValueError(f"{path} cannot be decoded as an image")
    if is_cut_short(data) or lacks_data(data, image):
        raise ValueError(f"{path} is damaged: its data end before its last pixel")
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} holds {image.dtype} values; expected 8 or 16 bits a channel")
    values = image.astype(np.float64) / (257 if image.dtype == np.uint16 else 1)
    return values[None] if values.ndim == 2 else np.moveaxis(values[:, :, ::-1], 2, 0)


def read_luma(path: Path) -> NDArray[np.float64]:
    """Read an image as luma, (H, W), in 0-255: see `read_channels` and `luma`."""
    return luma(read_channels(path))


def image_name(path: Path) -> str:
    """Return the stem without a mark of the kind of image: `1` for IR1, 1_vis and 1_fused."""
    unfused = _FUSED.sub("", path.stem, count=1) or path.stem
    return strip_mark(unfused, file_role(unfused))


def scene_name(path: Path) -> str:
    """Return the stem: a scene's result is named exactly as the scene's folder."""
    return path.stem


def index_images(
    path: Path, flag: str, name_of: Callable[[Path], str] = image_name
) -> dict[str, Path]:
    """Find the images in a folder, or one image file, by name in sorted order.

    Args:
        path: Folder or file. Hidden files and files of other types are ignored.
        flag: Command line flag that gave the path, for error messages.
        name_of: Returns the name of a file.

    Raises:
        ValueError: If there is no image, or two have the same name.
    """
    if not path.exists():
        raise ValueError(f"{path} ({flag}) does not exist")
    return index_files(path.iterdir() if path.is_dir() else [path], path, flag, name_of)


def index_files(
    files: Iterable[Path], path: Path, flag: str, name_of: Callable[[Path], str] = image_name
) -> dict[str, Path]:
    """Find the images among files, which lie in `path`: see `index_images`."""
    images: dict[str, Path] = {}
    for file in _only_images(files):
        other = images.setdefault(name_of(file), file)
        if other is not file:
            raise ValueError(
                f"{other} and {file.name} ({flag}) have the same name apart from marks"
            )
    if not images:
        raise ValueError(f"no image ({' '.join(SUFFIXES)}) in {path} ({flag})")
    return dict(sorted(images.items()))


def index_scenes(path: Path, flag: str) -> dict[str, list[Path]]:
    """Find the exposures of each scene, `path/<scene>/*`, by scene in sorted order.

    Hidden files and folders and files of other types are ignored.

    Raises:
        ValueError: If there is no scene, or a scene has fewer than two exposures.
    """
    if not path.is_dir():
        raise ValueError(
            f"{path} ({flag}) is not a folder; expected {path}/<scene>/ with exposures"
        )
    folders = (f for f in sorted(path.iterdir()) if f.is_dir() and not f.name.startswith("."))
    scenes = {folder.name: _only_images(folder.iterdir()) for folder in folders}
    if not scenes:
        raise ValueError(f"no scene in {path} ({flag}); expected {path}/<scene>/ with exposures")
    for scene, images in scenes.items():
        if len(images) < 2:
            found = f"one exposure, {images[0].name}" if images else "no exposure"
            raise ValueError(f"{path / scene} ({flag}) has {found}; a scene needs two or more")
    return scenes


def match_images(
    path: Path,
    flag: str,
    names: Collection[str],
    named_by: str = "--vis",
    name_of: Callable[[Path], str] = image_name,
    all_needed: bool = True,
) -> dict[str, Path]:
    """Find the image in a folder for each name; a single file matches a single name as it is.

    Args:
        path: Folder or file.
        flag: Command line flag that gave the path, for error messages.
        names: Names to find.
        named_by: Command line flag that gave the names, for error messages.
        name_of: Returns the name of a file.
        all_needed: Raise an error if a name has no image; else it is left out.

    Raises:
        ValueError: If a name has no image, or an image none of the names.
    """
    images = index_images(path, flag, name_of)
    if path.is_file() and len(names) == 1:
        return dict(zip(names, images.values(), strict=True))
    missing = [name for name in names if name not in images]
    if missing and all_needed:
        raise ValueError(f"{path} ({flag}) has no image for {_some(missing)} of {named_by}")
    if extra := [file.name for name, file in images.items() if name not in names]:
        raise ValueError(f"{path} ({flag}) has images that {named_by} lacks: {_some(extra)}")
    return images


def list_images(folder: Path, flag: str) -> list[Path]:
    """Return the images in a folder, sorted.

    Raises:
        ValueError: If the folder does not exist, or has no image.
    """
    images = _only_images(folder.iterdir()) if folder.is_dir() else []
    if not images:
        raise ValueError(f"no image ({' '.join(SUFFIXES)}) in {folder} ({flag})")
    return images


def _only_images(files: Iterable[Path]) -> list[Path]:
    """Return the image files that are not hidden, sorted."""
    return sorted(f for f in files if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def check_same_size(images: Mapping[Path, NDArray[np.generic]]) -> None:
    """Raise a ValueError with files and sizes unless all images have the same size."""
    if len({image.shape[-2:] for image in images.values()}) > 1:
        sizes = ", ".join(f"{path} {i.shape[-2]} x {i.shape[-1]}" for path, i in images.items())
        raise ValueError(f"sizes differ, height x width: {sizes}; metrics compare pixel by pixel")


def _some(names: list[str], limit: int = 5) -> str:
    """Return the first names, and how many more there are."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
