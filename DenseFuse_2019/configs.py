"""Every setting of a training run: `python run_train.py --help` prints them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from utils.util_device import PRECISIONS
from utils.utils import (
    BooleanFlag,
    FlagParser,
    TypedInt,
    fraction,
    natural_int,
    positive_float,
    positive_int,
)

HERE = Path(__file__).resolve().parent
DEMO_PHOTOS = HERE.parent / "common_data" / "demo" / "ir_vis" / "vis"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train DenseFuse as an auto-encoder on photographs.")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--image_path",
        type=Path,
        nargs="+",
        default=[DEMO_PHOTOS],
        help="folders of photographs, such as MS-COCO's",
    )
    data.add_argument(
        "--gray", action=BooleanFlag, default=True, help="train on the luma (1 channel), else RGB"
    )
    data.add_argument(
        "--train_num",
        action=TypedInt,
        default=70000,
        help="images to use; the default is an upper bound",
    )
    data.add_argument(
        "--val_fraction", type=fraction, default=0.05, help="share of them to validate on"
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=256, help="side of a sample, pixels (Sec. III-C)"
    )
    data.add_argument(
        "--sampling",
        choices=("resize", "crop"),
        default="resize",
        help="scale whole images to that side (Sec. III-C), or cut squares out of them",
    )
    data.add_argument(
        "--flip", action=BooleanFlag, default=False, help="mirror half of the samples"
    )
    _add_training_flags(parser.add_argument_group("training"))
    parser.add_argument_group("console").add_argument(
        "--output", action=BooleanFlag, default=True, help="show progress"
    )
    return parser


def _add_training_flags(training: argparse._ArgumentGroup) -> None:
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument(
        "--batch_size", type=positive_int, default=2, help="images a step and process (Sec. III-C)"
    )
    training.add_argument(
        "--num_epochs", type=positive_int, default=4, help="passes over the data (Sec. III-C)"
    )
    training.add_argument(
        "--num_workers", type=natural_int, default=0, help="processes that load images"
    )
    training.add_argument(
        "--lr", type=positive_float, default=1e-4, help="learning rate of Adam (Sec. III-C)"
    )
    training.add_argument(
        "--lr_schedule",
        choices=("step", "cosine", "constant"),
        default="step",
        help="times --lr_decay each epoch, to 0 over the run, or none",
    )
    training.add_argument(
        "--lr_decay", type=float, default=0.9, help="factor an epoch of the step schedule"
    )
    training.add_argument(
        "--warmup_steps", type=natural_int, default=0, help="steps of linear increase"
    )
    training.add_argument(
        "--ssim", choices=("ssim", "ms_ssim"), default="ssim", help="structural loss (Eq. 9)"
    )
    training.add_argument(
        "--ssim_weight", type=float, default=100.0, help="lambda of the structural loss (Eq. 7)"
    )
    training.add_argument(
        "--precision", choices=tuple(PRECISIONS), default="fp32", help="arithmetic"
    )
    training.add_argument("--seed", type=int, default=0, help="fixes weights, order and crops")
    training.add_argument(
        "--threads", type=natural_int, default=0, help="CPU threads, 0 for one a core"
    )
    training.add_argument(
        "--resume_path",
        type=Path,
        default=None,
        help="a run's folder or checkpoint to go on with, or weights to start a new run from",
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings; `train_num_typed` tells whether --train_num was given."""
    parser = build_parser()
    parser.set_defaults(train_num_typed=False)
    return parser.parse_args(argv)
