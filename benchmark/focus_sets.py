"""Scenes of several images: exposures, or multi-focus images, which their names tell apart."""

import re
from pathlib import Path
from typing import Literal

from benchmark.image_files import index_images, index_scenes, scene_name

SIDES = ("near", "far")  # folders of multi-focus pairs, in any case
_FOCUS = re.compile(r"near|far|focus_\w+", re.IGNORECASE)  # multi-focus images of one scene
SHOWN = 5  # names in an error message

Scenes = dict[str, list[Path]]


def find_scenes(folder: Path, flag: str) -> tuple[Literal["exposures", "focus"], Scenes]:
    """Return what the scenes of a folder hold, and their images by scene in sorted order.

    Multi-focus images are near/<scene>.* with far/<scene>.*, or <scene>/* if all images of all
    scenes are called `near`, `far` or `focus_` and more. Other images of <scene>/* are exposures.

    Raises:
        ValueError: If there is no scene, or a scene has fewer than two images.
    """
    if sides := _find_sides(folder):
        near, far = (index_images(side, flag, scene_name) for side in sides)
        if lonely := sorted(near.keys() ^ far.keys()):
            more = f" and {len(lonely) - SHOWN} more" if len(lonely) > SHOWN else ""
            raise ValueError(
                f"{folder} ({flag}) lacks the near or the far image of "
                f"{', '.join(lonely[:SHOWN])}{more}; expected near/<scene>.* with far/<scene>.*"
            )
        return "focus", {name: [near[name], far[name]] for name in near}
    scenes = index_scenes(folder, flag)
    named = all(_FOCUS.fullmatch(path.stem) for paths in scenes.values() for path in paths)
    return "focus" if named else "exposures", scenes


def _find_sides(folder: Path) -> list[Path]:
    """Return the folders near and far, or nothing if others lie beside them or one is missing."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    folders = {f.name.lower(): f for f in inside if f.is_dir() and not f.name.startswith(".")}
    return [folders[side] for side in SIDES] if folders.keys() == set(SIDES) else []


def source_name(path: Path, scene: str) -> str:
    """Return what an image of a scene is called: its stem, or its folder for near/<scene>.*."""
    return path.parent.name if path.stem == scene else path.stem
