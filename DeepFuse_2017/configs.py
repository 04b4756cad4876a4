"""Every setting of a training run: `python run_train.py --help` prints them."""

import argparse
from collections.abc import Sequence

from utils import HERE
from utils.common.flags import BooleanFlag, FlagParser, natural_float
from utils.common.training_flags import add_training_flags
from utils.util_dataset import add_scene_flags
from utils.util_loss import MAX_EXPONENT

DEMO_SCENES = HERE.parent / "common_data" / "demo" / "exposures"


def build_parser() -> FlagParser:
    """Return the parser of `run_train.py`."""
    parser = FlagParser(description="Train DeepFuse on exposure brackets, without ground truth.")
    data = parser.add_argument_group("data")
    add_scene_flags(data, DEMO_SCENES)
    data.add_argument(
        "--augment", action=BooleanFlag, default=False, help="turn and mirror patches"
    )
    data.add_argument(
        "--gamma", action=BooleanFlag, default=False, help="vary the exposure of patches"
    )
    training = parser.add_argument_group("training")
    add_training_flags(training, batch_size=4, num_epochs=100, lr=1e-4, where="Sec. 4.1")
    training.add_argument(
        "--loss_scales",
        type=int,
        choices=(1, 2, 3),
        default=1,
        help="scales of the MEF-SSIM loss: one as in the paper, three as in the metric",
    )
    training.add_argument(
        "--loss_weighting",
        type=_weighting,
        default="consistency",
        metavar="{consistency,P}",
        help="exponent of a patch's contrast as its weight: the metric's, or a number",
    )
    training.add_argument(
        "--level_weight",
        type=natural_float,
        default=0.1,
        help="weight of the loss that fixes the brightness; the paper has none",
    )
    training.add_argument(
        "--clipping_weight",
        type=natural_float,
        default=1.0,
        help="weight of the loss that keeps the result in range; the paper has none",
    )
    parser.add_argument_group("console").add_argument(
        "--output", action=BooleanFlag, default=True, help="show progress"
    )
    return parser


def _weighting(text: str) -> str | float:
    if text == "consistency":
        return text
    value = natural_float(text)
    if value > MAX_EXPONENT:
        raise argparse.ArgumentTypeError(f"{text} is above {MAX_EXPONENT:g}, the metric's most")
    return value


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings; `train_num_typed` tells whether --train_num was given."""
    parser = build_parser()
    parser.set_defaults(train_num_typed=False)
    return parser.parse_args(argv)
