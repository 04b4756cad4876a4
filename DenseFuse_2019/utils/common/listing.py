# From common_code/base/utils/common/listing.py; edit it there, then tools/sync.py.
"""Which files of a folder are images."""

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
    files = [f for f in sorted(folder.iterdir()) if f.is_file() and not f.name.startswith(".")]
    files = [f for f in files if f.name.lower() not in JUNK]
    images = [f for f in files if f.suffix.lower() in SUFFIXES]
    if not images:
        kinds = " ".join(SUFFIXES)
        raise InputError(
            f"no image in {folder} ({flag}): looked for {kinds}, found {len(files)} other files"
        )
    if others := [f.name for f in files if f not in images]:
        warn(f"{folder}: left out {len(others)} files that are not images ({others[0]}, ...)")
    return images
