"""Every setting of a training run: `python run_train.py --help` prints them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from utils import HERE
from utils.common.flags import (
    BooleanFlag,
    FlagGroup,
    FlagParser,
    natural_float,
    natural_int,
    positive_float,
    positive_int,
)
from utils.util_dataset import CLASSES

DEMO = HERE.parent / "common_data" / "demo" / "ir_vis"
BACKBONE = HERE / "pretrain" / "mit_b0.pth"
FUSIONS = ("network", "visible", "infrared", "average")


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(
        description="Train BFFR: the fuser alone (stage 1), then with a segmenter (stage 2)."
    )
    _add_data(parser.add_flag_group("data"))
    _add_model(parser.add_flag_group("model"))
    _add_training(parser.add_flag_group("training"))
    return parser


def _add_data(data: FlagGroup) -> None:
    data.add_argument(
        "--data_root",
        "--image_path",
        type=Path,
        nargs="+",
        default=[DEMO],
        metavar="SET",
        help="folders with vis/, ir/ (or images/ as MFNet's), labels/ and lists of stems",
    )
    data.add_argument(
        "--train_split", default="train", help="list to train on, of every folder, or its path"
    )
    data.add_argument(
        "--val_split", default="val", help="list to score on, of the first folder, or its path"
    )
    data.add_argument(
        "--crop_size",
        type=positive_int,
        nargs=2,
        default=[240, 320],
        metavar=("HIGH", "WIDE"),
        help="pixels",
    )
    data.add_argument(
        "--drop_class",
        nargs="+",
        choices=CLASSES[1:],
        default=[],
        metavar="CLASS",
        help=f"make a class background in training: {', '.join(CLASSES[1:])}",
    )


def _add_model(model: FlagGroup) -> None:
    model.add_argument(
        "--pretrained_backbone",
        type=Path,
        default=BACKBONE,
        help="SegFormer-B0 weights to start from, of the backbone or of all of it",
    )
    model.add_argument(
        "--pretrained_fuser",
        type=Path,
        help="stage 2 without stage 1: the fuser's weights; by default the newest stage 1's",
    )
    model.add_argument(
        "--fusion",
        choices=FUSIONS,
        default="network",
        help="what the segmenter sees, to compare with",
    )
    model.add_argument(
        "--freeze_fuser", action=BooleanFlag, default=False, help="train the segmenter alone"
    )
    model.add_argument(
        "--normalize",
        action=BooleanFlag,
        default=True,
        help="ImageNet-normalised values to the segmenter, or in [0, 1] as the official code",
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


def _add_training(training: FlagGroup) -> None:
    training.add_argument("--stage", choices=("1", "2", "all"), default="all", help="what to run")
    training.add_argument("--stage1_iters", type=positive_int, default=20000, help="iterations")
    training.add_argument("--stage2_iters", type=positive_int, default=160000, help="iterations")
    training.add_argument("--stage1_batch", type=positive_int, default=2, help="pairs a process")
    training.add_argument("--stage2_batch", type=positive_int, default=4, help="pairs a process")
    training.add_argument(
        "--stage1_lr", type=positive_float, default=6e-4, help="learning rate of AdamW"
    )
    training.add_argument(
        "--stage2_lr",
        type=positive_float,
        default=6e-5,
        help="learning rate of AdamW; the segmenter's head has ten times that",
    )
    training.add_argument(
        "--poly_iters",
        type=positive_int,
        default=160000,
        help="where both stages' learning rate would reach 0",
    )
    training.add_argument(
        "--warmup_iters", type=natural_int, default=1500, help="linear increase at the start"
    )
    training.add_argument(
        "--val_interval", type=positive_int, default=4000, help="iterations between scores"
    )
    training.add_argument(
        "--checkpoint_interval",
        type=positive_int,
        default=2000,
        help="iterations between checkpoints, of which the last two are kept",
    )
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument(
        "--precision", choices=("fp32", "bf16"), default="fp32", help="arithmetic"
    )
    training.add_argument(
        "--num_workers", type=natural_int, default=2, help="processes that load pairs"
    )
    training.add_argument(
        "--threads", type=natural_int, default=0, help="CPU threads, 0 for one a core"
    )
    training.add_argument("--seed", type=int, default=0, help="fixes weights, order and crops")
    training.add_argument(
        "--launcher",
        choices=("none", "pytorch", "slurm", "mpi"),
        default="none",
        help="what starts several processes",
    )
    training.add_argument(
        "--resume_path", type=Path, help="a run's folder, which goes on in the stage it was in"
    )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)
