# From common_code/base/utils/common/names.py; edit it there, then tools/sync.py.
"""What infrared and visible images are called: the one table of the names of folders and files.

Fusing, training, `benchmark/` and `common_data/prepare.py` all read names with this file.
"""

import re
from pathlib import Path

WORDS = {  # in lower case; names are compared in any case
    "vis": ("vis", "vi", "visible", "rgb"),
    "ir": ("ir", "inf", "infrared", "thermal", "lwir"),
}
LONGER = {"crop_lr_visible": "vis", "cropinfrared": "ir"}  # the folders of the RoadScene set
LAYOUTS = (
    "ir/<name>.png with vis/<name>.png (the folders may also be called infrared, thermal, inf or "
    "lwir and visible, vi or rgb, or end in _images as INF_images and VIS_images do); or in one "
    "folder IR<name>.png with VIS<name>.png, or <name>_ir.png with <name>_vis.png"
)
_IN_FOLDERS = re.compile(r"[-_ ]?(?:images?|imgs?)$")


def folder_role(name: str) -> str | None:
    """Return `vis` or `ir` if a folder's name says that it holds such images, else None."""
    plain = name.lower()
    known = {word: role for role, words in WORDS.items() for word in words} | LONGER
    return known.get(plain) or known.get(_IN_FOLDERS.sub("", plain))


def split_mark(stem: str, role: str) -> str | None:
    """Return a stem without the mark of a role (`vis` or `ir`), or None if it has none.

    A mark is a word of the table at either end, set apart by a separator or a digit: `IR1`,
    `ir_a`, `1ir` and `a_ir` are marked, `fire` is not.
    """
    mark = "|".join(WORDS[role])
    start, end = rf"^(?:{mark})(?:[-_. ]+|(?=\d))", rf"(?:[-_. ]+|(?<=\d))(?:{mark})$"
    for pattern in (start, end):
        bare = re.sub(pattern, "", stem, flags=re.IGNORECASE)
        if bare and bare != stem:
            return bare
    return None


def strip_mark(stem: str, role: str | None) -> str:
    """Return a stem without the mark of a role, if it has one and a role is given."""
    return (split_mark(stem, role) if role else None) or stem


def file_role(stem: str) -> str | None:
    """Return the role that a file's stem shows, by a mark or as a whole word, else None."""
    for role, words in WORDS.items():
        if stem.lower() in words or split_mark(stem, role):
            return role
    return None


def find_sides(folder: Path) -> dict[str, list[Path]]:
    """Return what a folder holds of each role: folders if one is named so, else files."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    folders = {r: [f for f in inside if f.is_dir() and folder_role(f.name) == r] for r in WORDS}
    if any(folders.values()):
        return folders
    return {r: [f for f in inside if f.is_file() and file_role(f.stem) == r] for r in WORDS}
