"""Where the public images and the authors' scores are that some tests compare with."""

import os
from pathlib import Path

REFERENCE = Path(os.environ.get("REFERENCE_DATA", "absent"))  # see CONTRIBUTING.md
ABSENT = "REFERENCE_DATA names no folder with these images and scores"
