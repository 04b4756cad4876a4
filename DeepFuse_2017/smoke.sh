#!/usr/bin/env bash
# A short training, its resumption, and the demo scenes fused with the weights of this folder.
# run_all.sh starts it in a copy and sets PYTHON, DEMO (common_data/demo) and OUT, for the results.
set -eu

fuse_demo() {
    "$PYTHON" run_fusion.py --scene_dir "$DEMO/exposures" --output "$OUT" "$@"
}

smoke() {
    local train=(run_train.py --image_path "$DEMO/exposures" --patches 8 --device cpu)
    "$PYTHON" "${train[@]}" --num_epochs 1
    "$PYTHON" "${train[@]}" --num_epochs 2 --resume_path runs/*
    fuse_demo --device cpu
}

"${@:-smoke}"
