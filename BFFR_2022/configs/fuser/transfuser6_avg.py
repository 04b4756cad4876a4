# Stage 1, the warm start: TransFuser6 learns the average of its inputs.
_base_ = [
    "../_base_/models/fuser.py",
    "../_base_/datasets/mfnet.py",
    "../_base_/schedules/poly_160k.py",
    "../_base_/default_runtime.py",
]
train_dataloader = dict(batch_size=2)
optim_wrapper = dict(optimizer=dict(lr=6e-4))
train_cfg = dict(max_iters=20000, val_interval=20000)  # the decay is that of 160,000
val_dataloader = None  # there is no score for a fused image
