# From common_code/infer/run_infer.py; edit it there, then tools/sync.py.
"""`run_fusion.py` under the name that the original repository has for it."""

from run_fusion import main, parse_args
from utils.utils import run_main

if __name__ == "__main__":
    run_main(main, parse_args())
