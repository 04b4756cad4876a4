# From common_code/base/tests/common/test_startup.py; edit it there, then tools/sync.py.
"""`run_fusion.py` answers wrong paths at once, and fusing loads no training code."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2]


def output_of(program: str) -> str:
    """Run a program in the method's folder and return what it prints."""
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wrong_path_is_answered_before_pytorch_is_loaded() -> None:
    found = output_of(
        "import sys, run_fusion\n"
        "from utils.utils import InputError\n"
        "try:\n"
        "    run_fusion.main(run_fusion.parse_args(['--images', 'no_a', 'no_b']))\n"
        "except InputError as error:\n"
        "    print(error, '|', 'torch' in sys.modules)\n"
    )
    assert found == "no folder no_a (--images) | False\n"


def test_fusing_loads_no_training_code() -> None:
    found = output_of(
        "import sys, run_fusion, utils.common.pipeline, utils.util_fusion\n"
        "training = {'accelerate', 'configs', 'mmengine', 'run_train', 'utils.util_train'}\n"
        "print(sorted(training & set(sys.modules)), 'torch' in sys.modules)\n"
    )
    assert found == "[] True\n"
