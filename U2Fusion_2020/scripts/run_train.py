"""`python scripts/run_train.py`, from any folder: ../run_train.py with the same arguments."""

import sys

from config import start

if __name__ == "__main__":
    sys.exit(start("run_train.py", sys.argv[1:]))
