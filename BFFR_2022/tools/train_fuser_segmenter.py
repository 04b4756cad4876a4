"""Train stage 2, both networks: `python tools/train_fuser_segmenter.py CONFIG`; see --help."""

import sys

from start import start

if __name__ == "__main__":
    sys.exit(start("train", sys.argv[1:]))
