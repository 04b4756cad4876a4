"""Every setting of a training run: `python run_train.py --help all` prints them."""

import argparse
from collections.abc import Sequence

from utils import HERE
from utils.common.flags import BooleanFlag, FlagParser, natural_float
from utils.common.training_flags import add_console_flags, add_training_flags
from utils.util_dataset import add_photo_flags

DEMO_PHOTOS = HERE / "demo" / "vis"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train NestFuse as an auto-encoder on photographs.")
    add_photo_flags(parser, DEMO_PHOTOS, train_num=10000)
    network = parser.add_flag_group("network")
    network.add_argument(
        "--deepsupervision",
        action=BooleanFlag,
        default=False,
        help="average the losses of three outputs, as the authors' code can; the paper did not",
    )
    training = add_training_flags(parser, batch_size=4, num_epochs=10, lr=1e-4, source="Sec. IV-A")
    training.add_argument(
        "--ssim", choices=("ms_ssim", "ssim"), default="ms_ssim", help="structural loss (Eq. 11)"
    )
    training.add_argument(
        "--ssim_weight",
        type=natural_float,
        default=100.0,
        help="lambda, weight of the structural loss; the pixel loss is on 0-255 (Eq. 9)",
    )
    add_console_flags(parser)
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)
