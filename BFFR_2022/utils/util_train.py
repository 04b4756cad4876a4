"""A stage of training: its config from the flags, its first weights, its run, its results.

`run_train.py` and `tools/train_*.py` train by the same `train_stage`. Both write into a run's
folder:

    checkpoints/<stage>/iter_<N>.pth    of mmengine, to go on with
    checkpoints/fuser.safetensors       the trained networks, in float16
    checkpoints/segmenter.safetensors
    logs/<stage>/                       for TensorBoard
    args.json                           the arguments, and what they were used with
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from utils import HERE
from utils.common.checkpoint import load_checkpoint, to_safetensors
from utils.common.files import write_atomically
from utils.common.run_folder import git_revision, open_run
from utils.util_mmengine import (
    build_runner,
    is_main_process,
    share_path,
    wait_for_others,
)
from utils.util_resume import iterations_of, newest_checkpoint, stage_folder
from utils.util_weights import LINKS, fuser_of, segmenter_of, state_dict_of
from utils.utils import InputError, warn

if TYPE_CHECKING:
    from mmengine.config import Config

RUNS = HERE / "runs"
STAGES = {"Fuser": "stage1", "FuserSegmenter": "stage2"}  # by type of model
FUSER, SEGMENTER = "fuser.safetensors", "segmenter.safetensors"
LEAST_LOGS = 20  # times that a short run logs its loss; a long one does so every 50 iterations


def open_shared_run(run: Path | None, args: argparse.Namespace) -> Path:
    """Return a run's folder in every process; the main process writes `args.json` into it.

    Args:
        run: The folder; None makes a new one below `runs/`.
        args: The arguments, with `launcher`.
    """
    if is_main_process():
        if run:
            for name in ("checkpoints", "logs"):
                (run / name).mkdir(parents=True, exist_ok=True)
        run = open_run(run, RUNS, args)
    return share_path(run, args.launcher)


def set_data(config: "Config", args: argparse.Namespace, batch_size: int) -> None:
    """Set the images, their crops and their batches in a stage's config."""
    crop = tuple(args.crop_size)
    train, val = config.train_dataloader, config.val_dataloader
    train.batch_size = batch_size
    train.dataset.update(
        data_root=list(map(str, args.data_root)),
        split=args.train_split,
        seed=args.seed,
        drop_class=args.drop_class,
        flag="--data_root, --train_split",
    )
    next(t for t in train.dataset.pipeline if t.type == "RandomCrop").crop_size = crop
    config.model.data_preprocessor.size = crop
    for loader in (train, val):
        if loader is not None:
            loader.update(num_workers=args.num_workers, persistent_workers=args.num_workers > 0)
    if val is not None:
        where = {"data_root": str(args.data_root[0]), "split": args.val_split}
        val.dataset.update(where, flag="--data_root, --val_split")


def set_schedule(config: "Config", args: argparse.Namespace, iterations: int, lr: float) -> None:
    """Set the optimizer, the learning rate's course and the intervals in a stage's config."""
    config.train_cfg.max_iters = iterations
    config.train_cfg.val_interval = args.val_interval
    config.default_hooks.checkpoint.interval = args.checkpoint_interval
    logger = config.default_hooks.logger
    logger.interval = min(logger.interval, max(1, iterations // LEAST_LOGS))
    config.optim_wrapper.optimizer.lr = lr
    if args.scale_lr:  # mmengine multiplies by processes * batch size / base_batch_size
        base = config.train_dataloader.batch_size
        config.auto_scale_lr = {"enable": True, "base_batch_size": base}
    if args.precision == "bf16":
        config.optim_wrapper.type = "Bf16OptimWrapper"
    warmup, poly = config.param_scheduler
    poly.update(begin=args.warmup_iters, end=args.poly_iters)
    warmup.end = args.warmup_iters
    # mmengine's LinearLR of one iteration would stay at its start, a millionth of the rate.
    config.param_scheduler = [warmup, poly] if args.warmup_iters > 1 else [poly]


def stage_of(config: "Config") -> str:
    """Return the name of a config's stage, which is that of its folders in a run."""
    return STAGES.get(config.model.type, "segmenter")


def train_stage(config: "Config", run: Path, resume: Path | None, launcher: str = "none") -> None:
    """Train as a config says, and export the weights.

    Args:
        config: From `load_config`.
        run: The run's folder.
        resume: A checkpoint of this very stage to go on with; None starts from the weights that
            the config names.
        launcher: See `build_runner`.

    Raises:
        InputError: weights to start from are missing or do not fit, or the checkpoint is not one
            of this stage.
    """
    stage = stage_of(config)
    if (done := iterations_of(resume)) >= config.train_cfg.max_iters:
        print(f"{stage} is done: {done} iterations")
        return
    print(f"{stage} goes on at {resume}" if resume else f"{stage} begins")
    config.work_dir = str(stage_folder(run, stage))
    config.visualizer.vis_backends[1].save_dir = str(run / "logs" / stage)
    for name in ("test_dataloader", "test_cfg", "test_evaluator"):
        config[name] = None
    if resume:
        config.load_from, config.resume = str(resume), True
    if config.model.type == "FuserSegmenter":
        find_weights(config.model, resume)
    build_runner(config, launcher).train()
    wait_for_others()  # the main process has written the checkpoint that stage 2 starts from
    if is_main_process():
        for path in export_weights(run, stage):
            print(f"Weights: {path}")


def find_weights(model: "Config", resume: Path | None = None) -> None:
    """Replace the paths of the weights that stage 2 starts from by files that exist.

    If there is no file where the config says, the fuser is the newest result of stage 1, and the
    segmenter starts from random weights, with a warning.

    Args:
        model: The config's model.
        resume: A checkpoint; it replaces all weights, so that none are looked for.

    Raises:
        InputError: there is no result of stage 1.
    """
    if resume:
        model.pretrained_fuser = model.pretrained_segmenter = None
        return
    wanted = model.get("pretrained_fuser")
    if wanted and model.get("fusion", "network") == "network":
        found = Path(wanted) if Path(wanted).is_file() else newest_result("stage1")
        if found is None:
            raise InputError(
                f"no result of stage 1: neither {wanted} (pretrained_fuser) nor a checkpoint "
                "of it in runs/ or work_dirs/; run stage 1 first"
            )
        print(f"The fuser starts from {found}")
        model.pretrained_fuser = str(found)
    segmenter = model.get("pretrained_segmenter")
    if segmenter and not Path(segmenter).is_file():
        warn(
            f"no {segmenter}: the segmenter starts from random weights. The authors' mit_b0.pth, "
            f"trained on ImageNet, is at {LINKS['mit_b0.pth']}"
        )
        model.pretrained_segmenter = None
    elif segmenter:
        print(f"The segmenter starts from {segmenter}")


def newest_result(stage: str) -> Path | None:
    """Return the newest checkpoint of a stage in `runs/` and `work_dirs/`, if any."""
    runs = [run for root in (RUNS, HERE / "work_dirs") for run in root.glob("*")]
    found = [path for run in runs if (path := newest_checkpoint(stage_folder(run, stage)))]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def export_weights(run: Path, stage: str) -> list[Path]:
    """Write a stage's best weights as safetensors into the run, and return the files.

    The best weights are those with the highest mIoU if they were scored, else the last ones. They
    are stored in float16: half as large, and fused images differ by at most one gray level.
    """
    folder = stage_folder(run, stage)
    best = sorted(folder.glob("best_mIoU_iter_*.pth"), key=iterations_of)
    source = best[-1] if best else newest_checkpoint(folder)
    if source is None:
        return []
    state = state_dict_of(load_checkpoint(source))
    about = {
        "method": "BFFR_2022",
        "stage": stage,
        "iterations": str(iterations_of(source)),
        "git_revision": git_revision(),
    }
    written = []
    for name, tensors in ((FUSER, fuser_of(state)), (SEGMENTER, segmenter_of(state))):
        if tensors:
            path = run / "checkpoints" / name
            _write_halves(path, tensors, about)
            written.append(path)
    return written


def _write_halves(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in tensors.items()
    }
    data = to_safetensors(halves, about)
    write_atomically(path, lambda file: file.write(data))
