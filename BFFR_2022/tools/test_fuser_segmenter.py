"""Score or draw segmentations: `python tools/test_fuser_segmenter.py CONFIG ...`; see --help."""

import sys

from start import start

if __name__ == "__main__":
    sys.exit(start("test_segmenter", sys.argv[1:]))
