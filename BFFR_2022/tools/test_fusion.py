"""Fuse a config's test pairs: `python tools/test_fusion.py CONFIG ...`; see --help."""

import sys

from start import start

if __name__ == "__main__":
    sys.exit(start("test_fusion", sys.argv[1:]))
