"""Train: `python run_scripts/run_DenseFuse.py`, from any folder, with run_train.py's arguments."""

import sys

from argument import train

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
