# Identical copy: see check_copies.py; edit the source, run --fix.
"""`run_fusion.py` under its other documented name."""

from run_fusion import main, parse_args
from utils.utils import run_main

if __name__ == "__main__":
    run_main(main, parse_args())
