"""What the tests that methods share need to know of this one."""

from pathlib import Path

import torch

from models.NestFuse_2020 import NestFuse
from tests.helpers import put_photos

NAME = "NestFuse"
FOLDER_NAME = "NestFuse_2020"
NETWORK = NestFuse
DEFAULTS = {"train_num": 10000, "batch_size": 4, "num_epochs": 10}

BRIEF = ("--num_epochs", 1, "--crop_size", 64, "--ssim", "ssim")  # shortens a training on the demo
SMALL = ("--crop_size", 16, "--ssim", "ssim")  # trains fast
INTERRUPTED = ("--crop_size", 24, "--ssim", "ssim")  # trains long enough to be interrupted
VARIED = ("--sampling", "crop", "--flip")  # draws what it trains on
TERMS = ("pixel_loss", "ssim_loss")  # of the loss
OTHER_RUN = {  # flags that make it another run, by what is said of them
    "--lr 0.0001 (now 0.001)": ("--lr", 1e-3),
    "--ssim_weight 100.0 (now 1.0)": ("--ssim_weight", 1),
}
TRAIN_FLAGS = {  # each with its words and their meaning
    "ssim": ("ssim", "ssim"),
    "deepsupervision": ("True", True),
}
FUSION_FLAGS = {
    "spatial": ("sum", "sum"),
    "channel": ("nuclear", "nuclear"),
    "attention": ("spatial", "spatial"),
}
OTHER_FUSION = ("--attention", "spatial")  # changes the result
WRONG_FUSION = "--channel sum"
EXPORTS = {  # flags of run_export.py, and what `ImageFusion` is given for them
    "": {},
    "--channel max --spatial sum": {"channel": "max", "spatial": "sum"},
    "--attention spatial": {"attention": "spatial"},
    "--attention channel": {"attention": "channel"},
}
EXPORTED = {  # some of the metadata of the first one
    "sources": "vis ir", "channels": "1", "luma": "0.299 0.587 0.114", "order": "given",
    "tiles": "whole", "receptive_radius": "32", "stride": "8", "min_side": "16",
}  # fmt: skip


def put_training_set(folder: Path, count: int, size: tuple[int, int] = (40, 30)) -> Path:
    """Write `count` photographs to learn from, and return their folder."""
    return put_photos(folder, count, size)


def build(channels: int = 1) -> NestFuse:
    """Return a fresh network."""
    return NestFuse(channels)


def near_identity(channels: int, noise: float = 0.1) -> NestFuse:
    """Return a network that nearly reproduces its input, through all of its weights.

    The first channels of every layer are handed on, at all scales, and noise is added whose
    effect does not grow with the number of inputs.
    """
    model = NestFuse(channels)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for value in model.parameters():
            inputs = value[0].numel() if value.ndim == 4 else 100
            value.copy_(noise / inputs**0.5 * torch.randn(value.shape, generator=generator))
            if value.ndim == 4:
                for channel in range(channels):
                    value[channel, channel, value.shape[2] // 2, value.shape[3] // 2] += 1
    return model.eval()
