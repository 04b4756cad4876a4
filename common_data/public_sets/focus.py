"""Which image of which multi-focus stack a file is, in the layouts in which such sets are found."""

import re
from pathlib import Path

LAYOUTS = (
    "<scene>-A.jpg with <scene>-B.jpg in one folder or in several, A/<scene>.jpg with "
    "B/<scene>.jpg, near/<scene>.jpg with far/<scene>.jpg, or <scene>/focus_a.jpg with "
    "<scene>/focus_b.jpg"
)
SKIPPED = "triple series"  # Lytro's stacks of three, with the names of its pairs
_LAID_OUT = re.compile(r"near|far|focus_[a-z]")
_MARKED = re.compile(r"(?P<scene>.+)[-_ ](?P<mark>[a-z]|near|far)", re.IGNORECASE)
_FOLDER = re.compile(r"(?:source)?[-_ ]?(?P<mark>[a-z]|near|far)", re.IGNORECASE)


def focus_of(path: Path) -> tuple[str, str] | None:
    """Return the scene of a file and what the file is called in it, or None if it shows neither.

    The names are `near` and `far` where the set says so, else `focus_a`, `focus_b` and so on.
    """
    if _LAID_OUT.fullmatch(path.stem.lower()):
        return path.parent.name, path.stem.lower()
    if found := _MARKED.fullmatch(path.stem):
        return found["scene"], _named(found["mark"])
    if found := _FOLDER.fullmatch(path.parent.name):
        return path.stem, _named(found["mark"])
    return None


def _named(mark: str) -> str:
    return f"focus_{mark.lower()}" if len(mark) == 1 else mark.lower()
