"""Every setting of a training run: `python run_train.py --help all` prints them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from utils import HERE
from utils.common.flags import FlagParser, natural_float
from utils.common.training_flags import add_console_flags, add_training_flags
from utils.util_dataset import add_pair_flags
from utils.util_ewc import add_ewc_flags
from utils.utils import InputError
from utils.vgg import add_vgg_flags

DEMO = HERE / "demo"
DEMO_SETS = {"ivif": DEMO / "ir_vis", "mef": DEMO / "exposures", "mff": DEMO / "ir_vis" / "vis"}


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train U2Fusion for one task, or several in sequence.")
    add_pair_flags(parser, DEMO_SETS)
    add_vgg_flags(parser)
    add_training_flags(
        parser, batch_size=4, num_epochs=10, lr=1e-4, source="as in the original repository"
    )
    losses = parser.add_flag_group("losses", rare=True)
    losses.add_argument(
        "--ssim_weight", type=natural_float, default=1.0, help="weight of the structural loss"
    )
    losses.add_argument(
        "--mse_weight", type=natural_float, default=20.0, help="alpha, weight of the pixel loss"
    )
    add_ewc_flags(parser)
    add_console_flags(parser)
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)


def sets_of_tasks(args: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the folders of each task, in the order of training.

    Raises:
        InputError: `--image_path` with several tasks, or a task named twice.
    """
    if len(set(args.tasks)) < len(args.tasks):
        raise InputError(f"--tasks {' '.join(args.tasks)}: each can be learned once")
    if args.image_path and len(args.tasks) > 1:
        flags = flags_of_sets(args)
        raise InputError(f"--image_path is of one task; with several --tasks use {flags}")
    return {task: args.image_path or getattr(args, f"{task}_path") for task in args.tasks}


def flags_of_sets(args: argparse.Namespace) -> str:
    """Return the flags that name the sets of the tasks."""
    if len(args.tasks) == 1:
        return "--image_path"
    return ", ".join(f"--{task}_path" for task in args.tasks)
