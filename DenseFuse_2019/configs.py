"""Every setting of a training run: `python run_train.py --help all` prints them."""

import argparse
from collections.abc import Sequence

from utils import HERE
from utils.common.flags import FlagParser, natural_float
from utils.common.training_flags import add_console_flags, add_training_flags
from utils.util_dataset import add_photo_flags

DEMO_PHOTOS = HERE / "demo" / "vis"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train DenseFuse as an auto-encoder on photographs.")
    add_photo_flags(parser, DEMO_PHOTOS, train_num=70000)
    training = add_training_flags(parser, batch_size=2, num_epochs=4, lr=1e-4, source="Sec. III-C")
    training.add_argument(
        "--ssim", choices=("ssim", "ms_ssim"), default="ssim", help="structural loss (Eq. 9)"
    )
    training.add_argument(
        "--ssim_weight",
        type=natural_float,
        default=100.0,
        help="lambda, weight of the structural loss; the pixel loss is on 0-255 (Eq. 7)",
    )
    add_console_flags(parser)
    return parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)
