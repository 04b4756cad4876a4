# From common_code/training/utils/common/training_flags.py; edit it there, then tools/sync.py.
"""The flags that every training has."""

import argparse

from utils.common.flags import (
    natural_float,
    natural_int,
    optional_path,
    positive_float,
    positive_int,
)

PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}  # ours to accelerate's


def add_training_flags(
    training: argparse._ArgumentGroup, batch_size: int, num_epochs: int, lr: float, where: str
) -> None:
    """Add the flags of the optimisation.

    Args:
        training: Where to add them.
        batch_size: Default.
        num_epochs: Default.
        lr: Default.
        where: Section of the paper that these are from, for the help.
    """
    training.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    training.add_argument(
        "--batch_size",
        type=positive_int,
        default=batch_size,
        help=f"samples a step and process ({where})",
    )
    training.add_argument(
        "--num_epochs",
        type=positive_int,
        default=num_epochs,
        help=f"passes over the data ({where})",
    )
    training.add_argument(
        "--num_workers", type=natural_int, default=0, help="processes that load images"
    )
    training.add_argument(
        "--lr", type=positive_float, default=lr, help=f"learning rate of Adam ({where})"
    )
    training.add_argument(
        "--lr_schedule",
        choices=("step", "cosine", "constant"),
        default="step",
        help="times --lr_decay each epoch, to 0 over the run, or none",
    )
    training.add_argument(
        "--lr_decay", type=natural_float, default=0.9, help="factor an epoch of the step schedule"
    )
    training.add_argument(
        "--warmup_steps", type=natural_int, default=0, help="steps of linear increase"
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
        type=optional_path,
        default=None,
        help="a run's folder or checkpoint to go on with, or weights to start a new run from",
    )
