"""`python apps/cluster/fuse.py`, from any folder: `python -m apps.cluster` of this repository."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))  # Ray's processes inherit it
    os.execv(sys.executable, [sys.executable, "-m", "apps.cluster", *sys.argv[1:]])
