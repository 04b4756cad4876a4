# From common_code/photographs/utils/common/rgb_mode.py; edit it there, then tools/sync.py.
"""What `--rgb_mode` asks of a network: to take luma, or R, G and B."""

from utils.utils import InputError

MODE_CHANNELS = {"luma": 1, "channels": 3}


def check_channels(channels: int, rgb_mode: str, weights: object) -> None:
    """Refuse a network that `--rgb_mode` cannot use.

    Args:
        channels: What the network takes.
        rgb_mode: One of `MODE_CHANNELS`.
        weights: Where the network comes from, for messages.

    Raises:
        InputError: the network takes another number of channels.
    """
    if channels != MODE_CHANNELS[rgb_mode]:
        has, mode = ("a gray", "luma") if channels == 1 else ("an RGB", "channels")
        raise InputError(
            f"{weights} holds {has} network, which --rgb_mode {rgb_mode} cannot use; "
            f"say --rgb_mode {mode}, or give other --weights"
        )
