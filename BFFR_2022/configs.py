"""Every setting of a training run: `python run_train.py --help all` prints them.

The folder `configs/` beside this file holds mmengine's configs of the two stages, where the
original repository has them. It must not get an `__init__.py`: it would then be the package
`configs` and hide this module.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from models.fusions import FUSIONS
from utils import HERE
from utils.common.flags import (
    BooleanFlag,
    FlagParser,
    natural_float,
    natural_int,
    positive_float,
    positive_int,
)
from utils.util_dataset import CLASSES

DEMO = HERE / "demo"
BACKBONE = HERE / "pretrain" / "mit_b0.pth"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(
        description="Train BFFR: the fuser alone (stage 1), then with a segmenter (stage 2)."
    )
    _add_data(parser)
    _add_model(parser)
    _add_training(parser)
    _add_schedule(parser)
    return parser


def _add_data(parser: FlagParser) -> None:
    data = parser.add_flag_group("data")
    data.add_argument(
        "--data_root",
        "--image_path",
        type=Path,
        nargs="+",
        default=[DEMO],
        metavar="SET",
        help="train on these folders, with vis/ and ir/ (or images/ as in MFNet), labels/ and "
        "lists of stems",
    )
    data.add_argument(
        "--crop_size",
        type=positive_int,
        nargs=2,
        default=[240, 320],
        metavar=("HEIGHT", "WIDTH"),
        help="size of training crops, pixels",
    )
    lists = parser.add_flag_group("lists", rare=True)
    lists.add_argument(
        "--train_split",
        default="train",
        help="train on the images in this list of each folder, a name or a path",
    )
    lists.add_argument(
        "--val_split",
        default="val",
        help="validate on the images in this list of the first folder, a name or a path",
    )


def _add_model(parser: FlagParser) -> None:
    start = parser.add_flag_group("weights to start from")
    start.add_argument(
        "--pretrained_backbone",
        type=Path,
        default=BACKBONE,
        help="start the segmenter from these SegFormer-B0 weights, of its backbone or all of it",
    )
    start.add_argument(
        "--pretrained_fuser",
        type=Path,
        help="start stage 2 from this fuser; without it, from stage 1 of this run or else from "
        "the newest stage 1",
    )
    model = parser.add_flag_group("comparisons", rare=True)
    model.add_argument(
        "--fusion",
        choices=FUSIONS,
        default="network",
        help="give the segmenter the network's result, or for comparison a plain fusion",
    )
    model.add_argument(
        "--freeze_fuser",
        action=BooleanFlag,
        default=False,
        help="train only the segmenter in stage 2",
    )
    model.add_argument(
        "--drop_class",
        nargs="+",
        choices=CLASSES[1:],
        default=[],
        metavar="CLASS",
        help="train with these classes as background, to see what a class does to the fused "
        f"image: {', '.join(CLASSES[1:])}",
    )
    model.add_argument(
        "--normalize",
        action=BooleanFlag,
        default=True,
        help="give the segmenter ImageNet-normalized values; otherwise values in [0, 1], as the "
        "official code does",
    )
    model.add_argument(
        "--authors_quirks",
        action=BooleanFlag,
        default=False,
        help="treat B, G, R as R, G, B, as the official code does",
    )
    model.add_argument(
        "--lam", type=natural_float, default=1e-3, help="weight of the correlation loss"
    )


def _add_training(parser: FlagParser) -> None:
    training = parser.add_flag_group("training")
    training.add_argument(
        "--stage", choices=("1", "2", "all"), default="all", help="run one stage or both"
    )
    training.add_argument(
        "--stage1_iters", type=positive_int, default=20000, help="iterations of stage 1"
    )
    training.add_argument(
        "--stage2_iters", type=positive_int, default=160000, help="iterations of stage 2"
    )
    training.add_argument(
        "--stage1_batch", type=positive_int, default=2, help="batch size of each process, pairs"
    )
    training.add_argument(
        "--stage2_batch", type=positive_int, default=4, help="batch size of each process, pairs"
    )
    training.add_argument(
        "--stage1_lr", type=positive_float, default=6e-4, help="learning rate of AdamW"
    )
    training.add_argument(
        "--stage2_lr",
        type=positive_float,
        default=6e-5,
        help="learning rate of AdamW; the segmenter's head has ten times as much",
    )
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument(
        "--resume_path", type=Path, metavar="RUN", help="go on with the run in this folder"
    )
    computing = parser.add_flag_group("computing", rare=True)
    computing.add_argument(
        "--precision", choices=("fp32", "bf16"), default="fp32", help="precision of arithmetic"
    )
    computing.add_argument(
        "--num_workers",
        type=natural_int,
        default=2,
        help="load images in this many processes for each training process",
    )
    computing.add_argument(
        "--seed", type=int, default=0, help="fix initial weights, order of images and crops"
    )
    computing.add_argument(
        "--launcher",
        choices=("none", "pytorch", "slurm", "mpi"),
        default="none",
        help="name what started several processes",
    )


def _add_schedule(parser: FlagParser) -> None:
    schedule = parser.add_flag_group("schedule", rare=True)
    schedule.add_argument(
        "--scale_lr",
        action=BooleanFlag,
        default=False,
        help="multiply the learning rates by the number of processes that a run begins with",
    )
    schedule.add_argument(
        "--poly_iters",
        type=positive_int,
        default=160000,
        help="iteration at which the linear decay of both stages' learning rates reaches 0",
    )
    schedule.add_argument(
        "--warmup_iters",
        type=natural_int,
        default=1500,
        help="iterations over which the learning rate first increases linearly",
    )
    schedule.add_argument(
        "--val_interval", type=positive_int, default=4000, help="iterations between validations"
    )
    schedule.add_argument(
        "--checkpoint_interval",
        type=positive_int,
        default=2000,
        help="iterations between checkpoints; the last two are kept",
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)
