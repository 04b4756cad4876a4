"""Train BFFR: `python run_train.py --data_root SET`; see --help for every setting."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from configs import BACKBONE, build_parser, parse_args
from utils.common.run_folder import announce_demo, check_same_settings, print_banner
from utils.util_mmengine import (
    STAGE1,
    STAGE2,
    choose_device,
    is_main_process,
    load_config,
    require_packages,
)
from utils.util_resume import newest_checkpoint, stage_folder
from utils.util_train import open_shared_run, set_data, set_schedule, train_stage
from utils.utils import InputError, run_main

if TYPE_CHECKING:
    from mmengine.config import Config

FREE_ON_RESUME = {  # arguments that may differ when a run goes on
    "resume_path", "stage", "stage1_iters", "stage2_iters", "val_interval",
    "checkpoint_interval", "device", "num_workers", "threads", "launcher",
}  # fmt: skip


def main(args: argparse.Namespace) -> None:
    """Train the fuser alone (stage 1), then the fuser and the segmenter together (stage 2).

    mmengine's Runner has the loop of each stage: it seeds, builds data, networks and optimizer
    from the stage's config, resumes, trains, validates, logs and saves.
    """
    require_packages()
    choose_device(args.device)
    run = args.resume_path
    if run:
        check_resumed(run, args)
    if is_main_process():
        print_banner(build_parser(), args)
        announce_demo(args.data_root, "--data_root")
    run = open_shared_run(run, args)  # runs/train_MM-DD_HH-MM, unless a run is resumed

    if args.stage in ("1", "all"):  # from random weights to checkpoints/fuser.safetensors
        last = newest_checkpoint(stage_folder(run, "stage1"))
        train_stage(stage1_config(args), run, last, args.launcher)

    if args.stage in ("2", "all"):  # to fuser.safetensors and segmenter.safetensors
        last = newest_checkpoint(stage_folder(run, "stage2"))
        train_stage(stage2_config(args, run), run, last, args.launcher)

    print("Finished Training")


def stage1_config(args: argparse.Namespace) -> "Config":
    """Return the config of stage 1, the warm start.

    TransFuser6 starts from random weights and learns the average of its sources (L1 loss).
    """
    config = load_config(STAGE1)
    config.randomness.seed = args.seed
    set_data(config, args, batch_size=args.stage1_batch)
    set_schedule(config, args, iterations=args.stage1_iters, lr=args.stage1_lr)  # of AdamW
    config.model.authors_quirks = args.authors_quirks
    return config


def stage2_config(args: argparse.Namespace, run: Path) -> "Config":
    """Return the config of stage 2.

    TransFuser6 starts from stage 1's weights and SegFormer-B0 from those of a backbone. Both learn
    from the cross-entropy of the labels and from lambda times the correlation loss.

    Raises:
        InputError: a flag names a file that does not exist.
    """
    fuser = args.pretrained_fuser or newest_checkpoint(stage_folder(run, "stage1"))
    for flag, path in (("fuser", fuser), ("backbone", args.pretrained_backbone)):
        if path not in (None, BACKBONE) and not path.is_file():
            raise InputError(f"no such file: {path} (--pretrained_{flag})")
    config = load_config(STAGE2)
    config.randomness.seed = args.seed
    set_data(config, args, batch_size=args.stage2_batch)
    set_schedule(config, args, iterations=args.stage2_iters, lr=args.stage2_lr)  # of AdamW
    config.model.update(
        fusion=args.fusion,
        freeze_fuser=args.freeze_fuser,
        lam=args.lam,
        normalize=args.normalize,
        authors_quirks=args.authors_quirks,
        pretrained_segmenter=str(args.pretrained_backbone),
    )
    if fuser:  # else the newest stage 1 of any run
        config.model.pretrained_fuser = str(fuser)
    return config


def check_resumed(run: Path, args: argparse.Namespace) -> None:
    """Refuse to go on with a run that was started with other settings.

    Raises:
        InputError: the settings differ, or `run` (`--resume_path`) is not a run's folder.
    """
    about = run / "args.json"
    if not about.is_file():
        raise InputError(
            f"{run} (--resume_path) is no run's folder: it has no args.json; "
            "--pretrained_fuser and --pretrained_backbone start a new run from weights"
        )
    started_with = json.loads(about.read_text(encoding="utf-8"))["arguments"]
    check_same_settings(args, started_with, FREE_ON_RESUME)


if __name__ == "__main__":
    run_main(main, parse_args())
