"""The two stages of a run: their configs, their checkpoints, and the weights that come out."""

import argparse
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from torch import Tensor

from configs import BACKBONE
from utils import HERE
from utils.common.checkpoint import load_checkpoint, to_safetensors
from utils.common.files import write_atomically
from utils.common.run_folder import git_revision
from utils.util_train import STAGE1, STAGE2, load_config, newest_checkpoint
from utils.util_weights import fuser_of, segmenter_of, state_dict_of
from utils.utils import InputError

if TYPE_CHECKING:
    from mmengine.config import Config

FREE_ON_RESUME = {  # what may differ when a run goes on
    *("resume_path", "stage", "stage1_iters", "stage2_iters", "val_interval"),
    *("checkpoint_interval", "device", "num_workers", "threads", "launcher"),
}
FUSER, SEGMENTER = "fuser.safetensors", "segmenter.safetensors"


def config_of_stage(stage: str, args: argparse.Namespace, run: Path) -> "Config":
    """Return the documented config of a stage with the run's settings.

    Raises:
        InputError: weights that the flags name are absent.
    """
    config = load_config(HERE / (STAGE1 if stage == "1" else STAGE2))
    work_dir = work_dir_of(run, stage)
    config.work_dir = str(work_dir)
    config.visualizer.vis_backends[1].save_dir = str(run / "logs" / work_dir.name)
    _set_data(config, args, args.stage1_batch if stage == "1" else args.stage2_batch)
    _set_schedule(config, args, stage)
    config.model.authors_quirks = args.authors_quirks
    if stage == "2":
        _set_model(config.model, args, newest_checkpoint(work_dir_of(run, "1")))
    return config


def _set_data(config: "Config", args: argparse.Namespace, batch_size: int) -> None:
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


def _set_schedule(config: "Config", args: argparse.Namespace, stage: str) -> None:
    first = stage == "1"
    config.train_cfg.max_iters = args.stage1_iters if first else args.stage2_iters
    config.train_cfg.val_interval = args.val_interval
    config.default_hooks.checkpoint.interval = args.checkpoint_interval
    logger = config.default_hooks.logger
    logger.interval = min(logger.interval, config.train_cfg.max_iters)
    config.optim_wrapper.optimizer.lr = args.stage1_lr if first else args.stage2_lr
    if args.precision == "bf16":
        config.optim_wrapper.type = "Bf16OptimWrapper"
    warmup, poly = config.param_scheduler
    poly.update(begin=args.warmup_iters, end=args.poly_iters)
    warmup.end = args.warmup_iters
    config.param_scheduler = [warmup, poly] if args.warmup_iters else [poly]
    config.randomness.seed = args.seed


def _set_model(model: "Config", args: argparse.Namespace, stage1: Path | None) -> None:
    for flag, path in (("fuser", args.pretrained_fuser), ("backbone", args.pretrained_backbone)):
        if path not in (None, BACKBONE) and not path.is_file():
            raise InputError(f"no such file: {path} (--pretrained_{flag})")
    model.update(
        fusion=args.fusion,
        freeze_fuser=args.freeze_fuser,
        normalize=args.normalize,
        lam=args.lam,
        pretrained_segmenter=str(args.pretrained_backbone),
    )
    if fuser := args.pretrained_fuser or stage1:
        model.pretrained_fuser = str(fuser)


def work_dir_of(run: Path, stage: str) -> Path:
    """Return where a stage of a run keeps its checkpoints."""
    return run / "checkpoints" / f"stage{stage}"


def iterations_of(checkpoint: Path | None) -> int:
    """Return how many iterations a checkpoint has seen, by its name."""
    return int(checkpoint.stem.rpartition("_")[2]) if checkpoint else 0


def export_weights(run: Path, stage: str) -> list[Path]:
    """Write a stage's best weights, by mIoU if it was scored, as safetensors into the run.

    They are halves: half as large, and fused images differ by a grey level at most.
    """
    work_dir = work_dir_of(run, stage)
    best = sorted(work_dir.glob("best_mIoU_iter_*.pth"), key=iterations_of)
    source = best[-1] if best else newest_checkpoint(work_dir)
    if source is None:
        return []
    state = state_dict_of(load_checkpoint(source))
    parts = {FUSER: fuser_of(state), SEGMENTER: segmenter_of(state)}
    about = {
        "method": "BFFR_2022",
        "stage": stage,
        "iterations": str(iterations_of(source)),
        "git_revision": git_revision(),
    }
    written = []
    for name, tensors in parts.items():
        if tensors:
            path = run / "checkpoints" / name
            halves = {n: _half(value).contiguous() for n, value in tensors.items()}
            data = to_safetensors(halves, about)
            write_atomically(path, partial(_write, data))
            written.append(path)
    return written


def _half(value: Tensor) -> Tensor:
    return value.half() if value.is_floating_point() else value


def _write(data: bytes, file: IO[bytes]) -> None:
    file.write(data)
