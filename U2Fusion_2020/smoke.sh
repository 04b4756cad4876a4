#!/usr/bin/env bash
# A short training, its resumption, and the demo scenes fused with the weights of this folder.
# run_all.sh starts it in a copy and sets PYTHON, DEMO (common_data/demo) and OUT, for the results.
set -eu

fuse_demo() {
    "$PYTHON" run_fusion.py --ir "$DEMO/ir_vis/ir" --vis "$DEMO/ir_vis/vis" --output "$OUT" "$@"
    "$PYTHON" run_fusion.py --scene_dir "$DEMO/exposures" --output "$OUT" "$@"
}

smoke() {
    "$PYTHON" -m utils.vgg --stand_in vgg.safetensors # VGG16 itself would have to be downloaded
    local train=(run_train.py --tasks ivif mef mff --vgg_weights vgg.safetensors --device cpu)
    train+=(--ivif_path "$DEMO/ir_vis" --mef_path "$DEMO/exposures" --mff_path "$DEMO/ir_vis/vis")
    "$PYTHON" "${train[@]}" --patches 8 --num_epochs 1
    "$PYTHON" "${train[@]}" --patches 8 --num_epochs 2 --resume_path runs/*
    fuse_demo --device cpu
}

"${@:-smoke}"
