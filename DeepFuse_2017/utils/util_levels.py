"""For how many sizes of a pyramid the network is trained, and the flag of fusing and exporting."""

from utils.common.flags import FlagGroup

LEVELS = (1, 2, 3, 4)  # what can be trained
SHIPPED = {1: "deepfuse", 3: "deepfuse_levels3"}  # folders in weights/, by their levels


def add_levels_flag(group: FlagGroup) -> None:
    """Add `--levels`, whose default, None, is decided by the weights."""
    group.add_argument(
        "--levels",
        type=int,
        choices=tuple(SHIPPED),
        help="sizes of the pyramid that is fused: 1 as in the paper, or 3, with weights of its "
        "own, which looks further; by default what --weights was trained for, and 1 without it",
    )
