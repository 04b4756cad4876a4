#!/usr/bin/env bash
# A short training, its resumption, and the demo scenes fused with the weights of this folder.
# run_all.sh starts it in a copy and sets PYTHON, DEMO (common_data/demo) and OUT, for the results.
set -eu

fuse_demo() {
    "$PYTHON" run_fusion.py --ir "$DEMO/ir_vis/ir" --vis "$DEMO/ir_vis/vis" --output "$OUT" "$@"
}

smoke() {
    local train=(run_train.py --data_root "$DEMO/ir_vis" --crop_size 96 128 --device cpu)
    train+=(--stage1_batch 1 --stage2_batch 2 --warmup_iters 2 --num_workers 0)
    "$PYTHON" "${train[@]}" --stage1_iters 2 --stage2_iters 1
    "$PYTHON" "${train[@]}" --stage1_iters 2 --stage2_iters 2 --resume_path runs/*
    "$PYTHON" tools/test_fuser_segmenter.py \
        configs/fuser_segmenters/transfuser_segformer_mit-b0_preavgfuser6.py weights --eval mIoU \
        --cfg-options test_dataloader.dataset.data_root="$DEMO/ir_vis"
    fuse_demo --segment --device cpu
}

"${@:-smoke}"
