# Logging, checkpoints and seeds.
custom_imports = dict(imports=["mmseg_bffr"])
default_scope = "mmseg"
env_cfg = dict(
    cudnn_benchmark=False,  # True may select other kernels in every run
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
)
vis_backends = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]
visualizer = dict(type="SegLocalVisualizer", vis_backends=vis_backends)
log_processor = dict(by_epoch=False)
log_level = "INFO"
load_from = None
resume = False
randomness = dict(seed=0)
custom_hooks = [
    dict(type="SeedEachIteration"),
    dict(type="MeanLosses"),
    dict(type="FastestLayout"),
    dict(type="PlainCheckpoint"),
]
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=2000, max_keep_ckpts=2),
    sampler_seed=dict(type="DistSamplerSeedHook"),
)
