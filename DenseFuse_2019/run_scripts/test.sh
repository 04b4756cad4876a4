#!/usr/bin/env bash
# Train, then draw the loss curves of all runs: bash run_scripts/test.sh [ARGUMENT ...]
# The arguments are those of the training, see README.md; add some behind "$@" to have them always.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
python "$here/run_DenseFuse.py" "$@"
python "$here/loss.py"
