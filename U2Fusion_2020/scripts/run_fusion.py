"""`python scripts/run_fusion.py`, from any folder: ../run_fusion.py with the same arguments."""

import sys

from config import start

if __name__ == "__main__":
    sys.exit(start("run_fusion.py", sys.argv[1:]))
