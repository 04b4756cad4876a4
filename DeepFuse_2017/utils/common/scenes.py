# From common_code/exposures/utils/common/scenes.py; edit it there, then tools/sync.py.
"""Scenes of registered images, whose lumas are cut into pairs of patches."""

import random
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utils.common.color import luma_of_array
from utils.common.image import read_image
from utils.common.values import Array, to_unit
from utils.utils import InputError, warn

CACHE_BYTES = 2 * 2**30  # most bytes of decoded lumas that are kept


def read_luma(path: Path) -> Array:
    """Return an image's luma, (H, W), rounded to the levels of the file."""
    return luma_of_array(read_image(path))


class Scene:
    """Registered images of one scene, the darker half of them `under`, the others `over`.

    Attributes:
        files: The images, the darkest first.
        means: Mean luma of each of them, in [0, 1].

    Raises:
        InputError: images of different sizes.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        lumas = [read_luma(path) for path in files]
        sizes = {luma.shape for luma in lumas}
        if len(sizes) > 1:
            found = ", ".join(
                f"{p.name} {x.shape[1]}x{x.shape[0]}" for p, x in zip(files, lumas, strict=True)
            )
            raise InputError(f"sizes differ in {files[0].parent}: {found}")
        if len(lumas) > 1 and all(np.array_equal(luma, lumas[0]) for luma in lumas[1:]):
            warn(f"the images of {files[0].parent} are identical")
        means = [float(to_unit(luma).mean()) for luma in lumas]
        order = sorted(range(len(files)), key=lambda i: means[i])
        self.files = [files[i] for i in order]
        self.means = [means[i] for i in order]
        self.height, self.width = lumas[0].shape
        self.bytes = sum(luma.nbytes for luma in lumas)
        self._lumas: list[Array] | None = [lumas[i] for i in order]

    def forget(self) -> None:
        """Drop the decoded pixels; `luma` reads the file on every call from now on."""
        self._lumas = None

    def luma(self, index: int) -> Array:
        """Return the luma of an image, the darkest being 0: (H, W)."""
        return self._lumas[index] if self._lumas else read_luma(self.files[index])

    def choose(self, rng: random.Random) -> tuple[int, int]:
        """Return the index of one of the darker and of one of the brighter half."""
        half = len(self.files) // 2
        return rng.randrange(half), rng.randrange(len(self.files) - half, len(self.files))

    def cut(self, indices: Sequence[int], place: tuple[slice, slice]) -> Array:
        """Cut a rectangle from some of the images: (N, h, w) in [0, 1]."""
        return np.stack([to_unit(self.luma(i)[place]) for i in indices])

    def pair(self, place: tuple[slice, slice], rng: random.Random) -> Array:
        """Cut a rectangle from one of the darker and one of the brighter half: (2, h, w)."""
        return self.cut(self.choose(rng), place)


def read_scenes(
    found: Collection[Sequence[Path]],
    message: str,
    show_progress: bool = True,
    kind: type[Scene] = Scene,
) -> list[Scene]:
    """Read the files of every scene once, and keep `CACHE_BYTES` of them decoded.

    Args:
        found: The files of each scene.
        message: Stands before the progress bar.
        show_progress: Whether to show that bar.
        kind: Class of the scenes that are returned.

    Raises:
        InputError: unreadable images, or unequal sizes in a scene.
    """
    scenes, kept = [], 0
    for files in tqdm(found, desc=message, disable=not show_progress):
        scene = kind(files)
        kept += scene.bytes
        if kept > CACHE_BYTES:
            scene.forget()
        scenes.append(scene)
    return scenes
