"""Every setting of a training run: `python run_train.py --help all` prints them."""

import argparse
from collections.abc import Sequence

from utils import HERE
from utils.common.flags import FlagParser, natural_float
from utils.common.training_flags import add_console_flags, add_training_flags
from utils.util_dataset import add_scene_flags
from utils.util_levels import LEVELS
from utils.util_loss import MAX_EXPONENT

DEMO_SCENES = HERE / "demo"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train DeepFuse on exposure brackets, without ground truth.")
    add_scene_flags(parser, DEMO_SCENES)
    training = add_training_flags(parser, batch_size=4, num_epochs=100, lr=1e-4, source="Sec. 4.1")
    training.add_argument(
        "--levels",
        type=int,
        choices=LEVELS,
        default=1,
        help="sizes of a pyramid that the network fuses, each half of the one before; one as in "
        "the paper",
    )
    training.add_argument(
        "--loss_scales",
        type=int,
        choices=(1, 2, 3),
        default=1,
        help="scales of the MEF-SSIM loss: one as in the paper, three as in the metric",
    )
    losses = parser.add_flag_group("losses", rare=True)
    losses.add_argument(
        "--loss_weighting",
        type=_weighting,
        default="consistency",
        metavar="{consistency,P}",
        help="exponent of a patch's contrast as its weight: the metric's, or a number",
    )
    losses.add_argument(
        "--level_weight",
        type=natural_float,
        default=0.2,
        help="weight of the loss that fixes the brightness; the paper has none",
    )
    losses.add_argument(
        "--clipping_weight",
        type=natural_float,
        default=1.0,
        help="weight of the loss that keeps the result in range; the paper has none",
    )
    add_console_flags(parser)
    return parser


def _weighting(text: str) -> str | float:
    if text == "consistency":
        return text
    value = natural_float(text)
    if value > MAX_EXPONENT:
        raise argparse.ArgumentTypeError(f"{text} is above {MAX_EXPONENT:g}, the metric's most")
    return value


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    return build_parser().parse_args(argv)
