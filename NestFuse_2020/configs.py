"""Every setting of a training run: `python run_train.py --help` prints them."""

import argparse
from collections.abc import Sequence

from utils import HERE
from utils.common.flags import BooleanFlag, FlagParser, natural_float
from utils.common.training_flags import add_training_flags
from utils.util_dataset import add_photo_flags

DEMO_PHOTOS = HERE.parent / "common_data" / "demo" / "ir_vis" / "vis"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train NestFuse as an auto-encoder on photographs.")
    data = parser.add_argument_group("data")
    add_photo_flags(data, DEMO_PHOTOS, train_num=10000)
    network = parser.add_argument_group("network")
    network.add_argument(
        "--deepsupervision",
        action=BooleanFlag,
        default=False,
        help="average the losses of three outputs, as the authors' code can; the paper did not",
    )
    training = parser.add_argument_group("training")
    add_training_flags(training, batch_size=4, num_epochs=10, lr=1e-4, where="Sec. IV-A")
    training.add_argument(
        "--ssim", choices=("ms_ssim", "ssim"), default="ms_ssim", help="structural loss (Eq. 11)"
    )
    training.add_argument(
        "--ssim_weight",
        type=natural_float,
        default=100.0,
        help="lambda, weight of the structural loss; the pixel loss is on 0-255 (Eq. 9)",
    )
    parser.add_argument_group("console").add_argument(
        "--output", action=BooleanFlag, default=True, help="show progress"
    )
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings; `train_num_typed` tells whether --train_num was given."""
    parser = build_parser()
    parser.set_defaults(train_num_typed=False)
    return parser.parse_args(argv)
