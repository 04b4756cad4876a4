"""Where the public images and the authors' scores are that some tests compare with."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.image_files import read_channels
from benchmark.metrics.conventions import Convention

REFERENCE = Path(os.environ.get("REFERENCE_DATA", "absent"))  # see CONTRIBUTING.md
ABSENT = "REFERENCE_DATA names no folder with these images and scores"
TANG = REFERENCE / "data" / "tang"


def largest_differences(
    rows: Sequence[Mapping[str, str]], convention: Convention, printed: Mapping[str, str]
) -> dict[str, float]:
    """Return the largest relative difference of each column to published values.

    Args:
        rows: The values, by column, with `method` and `image`, of the fused images in `TANG`.
        convention: What they are compared with.
        printed: The columns of the rows, and what they are called here.
    """
    largest = dict.fromkeys(printed, 0.0)
    for row in rows:
        folders = ("vis", "ir", f"fused/{row['method']}")
        vis, ir, fused = (read_channels(TANG / folder / row["image"]) for folder in folders)
        found = convention.score(list(printed.values()), [vis, ir], fused)
        for name, value in zip(printed, found, strict=True):
            largest[name] = max(largest[name], abs(value / float(row[name]) - 1))
    return largest
