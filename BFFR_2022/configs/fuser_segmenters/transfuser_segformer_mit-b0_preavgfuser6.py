# Stage 2: TransFuser6 after its warm start, and SegFormer-B0, trained together.
_base_ = [
    "../_base_/models/segformer_mit-b0.py",
    "../_base_/datasets/mfnet.py",
    "../_base_/schedules/poly_160k.py",
    "../_base_/default_runtime.py",
]
# The result of stage 1. If there is no such file, the newest stage 1 in runs/ or work_dirs/.
checkpoint = "pretrain/avg_fuser.pth"
model = dict(
    type="FuserSegmenter",
    pretrained_fuser=checkpoint,
    pretrained_segmenter="pretrain/mit_b0.pth",
    lam=1e-3,
    normalize=True,  # False: values in [0, 1] to the segmenter, as in the official code
    authors_quirks=False,
    data_preprocessor=dict(mean=None, std=None, bgr_to_rgb=False),  # the model scales values
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
val_evaluator = dict(type="MeanIoU", iou_metrics=["mIoU"])
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best="mIoU", rule="greater"))
