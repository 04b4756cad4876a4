# From common_code/base/tests/common/conftest.py; edit it there, then tools/sync.py.
"""Tests of vendored code run once in the repository, and always in a folder that is copied out."""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2]
REPOSITORY = Path(os.environ.get("REPOSITORY", FOLDER.parent))  # holds the other methods, if any


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore a test file if an earlier method of the repository has it, and thus runs it."""
    name = collection_path.relative_to(FOLDER).as_posix()
    takers = sorted(
        path.name for path in REPOSITORY.glob("*_20[0-9][0-9]") if (path / name).is_file()
    )
    return True if FOLDER.name in takers[1:] else None
