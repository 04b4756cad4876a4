# From common_code/training/utils/common/training_flags.py; edit it there, then tools/sync.py.
"""The flags that every training has."""

from utils.common.flags import (
    BooleanFlag,
    FlagGroup,
    FlagParser,
    natural_float,
    natural_int,
    optional_path,
    positive_float,
    positive_int,
)

PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}  # ours to accelerate's


def add_training_flags(
    parser: FlagParser, batch_size: int, num_epochs: int, lr: float, source: str
) -> FlagGroup:
    """Add the flags of the optimization and return their group, for those of the method.

    Args:
        parser: Where to add them.
        batch_size: Default.
        num_epochs: Default.
        lr: Default.
        source: Where these three are from, such as a section of the paper, for the help.
    """
    training = parser.add_flag_group("training")
    training.add_argument(
        "--num_epochs",
        type=positive_int,
        default=num_epochs,
        help=f"passes over the data ({source})",
    )
    training.add_argument(
        "--batch_size",
        type=positive_int,
        default=batch_size,
        help=f"batch size of each process ({source})",
    )
    training.add_argument(
        "--lr", type=positive_float, default=lr, help=f"learning rate of Adam ({source})"
    )
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument(
        "--resume_path",
        type=optional_path,
        default=None,
        help="a run's folder or checkpoint to go on with, or weights to start a new run from",
    )
    _add_schedule_flags(parser)
    _add_computing_flags(parser)
    return training


def _add_schedule_flags(parser: FlagParser) -> None:
    schedule = parser.add_flag_group("learning rate", rare=True)
    schedule.add_argument(
        "--scale_lr",
        action=BooleanFlag,
        default=False,
        help="multiply the learning rate by the number of processes that train together",
    )
    schedule.add_argument(
        "--lr_schedule",
        choices=("step", "cosine", "constant"),
        default="step",
        help="multiply the learning rate by --lr_decay after each epoch, lower it to 0 over the "
        "run, or keep it",
    )
    schedule.add_argument(
        "--lr_decay",
        type=natural_float,
        default=0.9,
        help="factor on the learning rate per epoch, with --lr_schedule step",
    )
    schedule.add_argument(
        "--warmup_steps",
        type=natural_int,
        default=0,
        help="raise the learning rate linearly over this many steps",
    )


def _add_computing_flags(parser: FlagParser) -> None:
    computing = parser.add_flag_group("computing", rare=True)
    computing.add_argument(
        "--precision",
        choices=tuple(PRECISIONS),
        default="fp32",
        help="number format of the network's arithmetic; losses are always taken in fp32",
    )
    computing.add_argument(
        "--num_workers", type=natural_int, default=0, help="processes that load samples"
    )
    computing.add_argument(
        "--seed", type=int, default=0, help="decides initial weights, order and crops"
    )


def add_console_flags(parser: FlagParser) -> None:
    """Add the flag that decides what is shown while training."""
    parser.add_flag_group("console", rare=True).add_argument(
        "--output", action=BooleanFlag, default=True, help="show progress bars"
    )
