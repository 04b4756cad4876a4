# From common_code/exposures/utils/common/exposures.py; edit it there, then tools/sync.py.
"""Exposures of one scene: their flags, and folders that hold them."""

from pathlib import Path

from utils.common.flags import BooleanFlag, FlagParser
from utils.common.listing import SUFFIXES, list_images
from utils.common.names import find_sides
from utils.common.pairs import Found, SourceKind
from utils.utils import InputError, warn


def add_exposure_flags(parser: FlagParser) -> None:
    """Add the flags that name and read exposures."""
    group = parser.add_flag_group("exposures")
    group.add_argument("--under", type=Path, help="under-exposed image or folder")
    group.add_argument("--over", type=Path, help="over-exposed image or folder")
    group.add_argument(
        "--scene_dir", type=Path, help="folder of exposures, or folder of such folders"
    )
    group.add_argument(
        "--align",
        action=BooleanFlag,
        default=False,
        help="shift hand-held exposures onto each other and cut the borders",
    )


def find_scenes(folder: Path, flag: str = "--scene_dir") -> Found:
    """Return the exposures of each scene: of the folders in a folder, or of the folder itself.

    Raises:
        InputError: no folder, no scene, a scene with fewer than two exposures, or names that say
            that the images are infrared and visible.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    inside = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".")]
    inner = [f for f in inside if f.is_dir()]
    if inner and (images := [f.name for f in inside if f.suffix.lower() in SUFFIXES]):
        warn(f"{folder}: left out {', '.join(images)}, which no scene's folder holds")
    for place in (folder, *inner):
        _refuse_pairs(place, flag)
    scenes = {scene.name: tuple(list_images(scene, flag)) for scene in inner or [folder.resolve()]}
    for name, files in scenes.items():
        if len(files) < 2:
            raise InputError(
                f"scene {name} in {folder} ({flag}) has one exposure, {files[0].name}; "
                "at least two are needed"
            )
    return scenes


def _refuse_pairs(folder: Path, flag: str) -> None:
    """Refuse infrared and visible images in the place of exposures."""
    sides = find_sides(folder)
    named = [*sides["vis"][:1], *sides["ir"][:1]]
    if len(named) == len(sides) or any(path.is_dir() for path in named):
        raise InputError(
            f"{folder} ({flag}) seems to hold infrared and visible images, not exposures: it has "
            f"{' and '.join(path.name for path in named)}; exposures need other names"
        )


EXPOSURES = SourceKind(
    "exposures",
    ("under", "over"),
    lambda folder, flag, _: find_scenes(folder, flag),
    set_flag="scene_dir",
)
