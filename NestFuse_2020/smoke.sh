# From common_code/photographs/smoke.sh; edit it there, then tools/sync.py.
# shellcheck shell=bash
# A short training, its resumption, and the demo scenes fused with the weights of this folder.
# run_all.sh starts it in a copy and sets PYTHON, DEMO (common_data/demo) and OUT, for the results.
set -eu

fuse_demo() {
    "$PYTHON" run_fusion.py --ir "$DEMO/ir_vis/ir" --vis "$DEMO/ir_vis/vis" --output "$OUT" "$@"
}

smoke() {
    local train=(run_train.py --image_path "$DEMO/ir_vis/vis" --device cpu)
    train+=(--crop_size 64 --sampling crop --ssim ssim --batch_size 1)
    "$PYTHON" "${train[@]}" --num_epochs 1
    "$PYTHON" "${train[@]}" --num_epochs 2 --resume_path runs/*
    fuse_demo --device cpu
}

"${@:-smoke}"
