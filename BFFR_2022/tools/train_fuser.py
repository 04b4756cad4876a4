"""Train stage 1, the fuser alone: `python tools/train_fuser.py CONFIG`; see --help."""

import sys

from start import start

if __name__ == "__main__":
    sys.exit(start("train", sys.argv[1:]))
