# From common_code/base/utils/common/listing.py; edit it there, then tools/sync.py.
"""Which files of a folder are images."""

import os
from pathlib import Path

from utils.utils import InputError, warn

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
JUNK = ("thumbs.db", "desktop.ini")  # besides every hidden file


def list_images(folder: Path, flag: str) -> list[Path]:
    """Return a folder's image files by name; hidden files and system junk do not count.

    Raises:
        InputError: no such folder, or no image in it; `flag` is the one to mend.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder} ({flag})")
    with os.scandir(folder) as entries:  # quick with a million files: their kinds come with them
        names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_file())
    names = [name for name in names if name.lower() not in JUNK]
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    others = [name for name in names if not name.lower().endswith(SUFFIXES)]
    if not images:
        kinds = " ".join(SUFFIXES)
        raise InputError(
            f"no image in {folder} ({flag}): looked for {kinds}, found {len(others)} other files"
        )
    if others:
        warn(f"{folder}: left out {len(others)} files that are not images ({others[0]}, ...)")
    return [folder / name for name in images]
