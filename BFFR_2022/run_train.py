"""Train BFFR: `python run_train.py --data_root SET`; see --help for every setting."""

import argparse
import json
from pathlib import Path

from configs import build_parser, parse_args
from utils import HERE
from utils.common.run_folder import check_same_settings, open_run, print_banner
from utils.util_stages import (
    FREE_ON_RESUME,
    config_of_stage,
    export_weights,
    iterations_of,
    work_dir_of,
)
from utils.util_train import (
    choose_device,
    is_main_process,
    newest_checkpoint,
    require_packages,
    same_everywhere,
    train,
)
from utils.utils import InputError, run_main


def find_run(args: argparse.Namespace) -> Path | None:
    """Return the run that `--resume_path` names, whose settings must be these.

    Raises:
        InputError: no run, or other settings.
    """
    if args.resume_path is None:
        return None
    about = args.resume_path / "args.json"
    if not about.is_file():
        raise InputError(
            f"{args.resume_path} (--resume_path) is no run's folder: it has no args.json; "
            "--pretrained_fuser and --pretrained_backbone start a new run from weights"
        )
    started_with = json.loads(about.read_text(encoding="utf-8"))["arguments"]
    check_same_settings(args, started_with, FREE_ON_RESUME)
    return args.resume_path


def main(args: argparse.Namespace) -> None:
    """Train as `args` says, stage after stage."""
    require_packages()
    choose_device(args.device)
    run = find_run(args)
    if is_main_process():
        print_banner(build_parser(), args)
        run = open_run(run, HERE / "runs", args)
    run = same_everywhere(run, args.launcher)
    for stage in ("1", "2") if args.stage == "all" else args.stage:
        wanted = args.stage1_iters if stage == "1" else args.stage2_iters
        last = newest_checkpoint(work_dir_of(run, stage))
        if iterations_of(last) >= wanted:
            print(f"Stage {stage} is done: {iterations_of(last)} iterations")
            continue
        print(f"Stage {stage} goes on at {last}" if last else f"Stage {stage} begins")
        train(config_of_stage(stage, args, run), last, args.launcher, args.threads)
        if is_main_process():
            for path in export_weights(run, stage):
                print(f"Weights: {path}")
    print("Finished Training")


if __name__ == "__main__":
    run_main(main, parse_args())
