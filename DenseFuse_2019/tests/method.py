"""What the tests that methods share need to know of this one."""

from pathlib import Path

import torch

from models.DenseFuse import DenseFuse
from tests.helpers import put_photos

NAME = "DenseFuse"
FOLDER_NAME = "DenseFuse_2019"
NETWORK = DenseFuse
DEFAULTS = {"train_num": 70000, "batch_size": 2, "num_epochs": 4}

BRIEF = ("--num_epochs", 1, "--crop_size", 64)  # shortens a training on the demo
SMALL = ("--crop_size", 16)  # trains fast
INTERRUPTED = ("--crop_size", 112)  # trains long enough to be interrupted
VARIED = ("--sampling", "crop", "--flip")  # draws what it trains on
TERMS = ("pixel_loss", "ssim_loss")  # of the loss
OTHER_RUN = {  # flags that make it another run, by what is said of them
    "--lr 0.0001 (now 0.001)": ("--lr", 1e-3),
    "--ssim_weight 100.0 (now 1.0)": ("--ssim_weight", 1),
}
TRAIN_FLAGS = {"ssim": ("ms_ssim", "ms_ssim")}  # each with its words and their meaning
FUSION_FLAGS = {"strategy": ("l1", "l1")}
OTHER_FUSION = ("--strategy", "max")  # changes the result
WRONG_FUSION = "--strategy sum"
EXPORTS = {  # flags of run_export.py, and what `ImageFusion` is given for them
    "": {},
    "--strategy l1": {"strategy": "l1"},
    "--strategy max": {"strategy": "max"},
    "--rgb_mode channels --strategy l1": {"rgb_mode": "channels", "strategy": "l1"},
}
EXPORTED = {  # some of the metadata of the first one
    "sources": "vis ir", "channels": "1", "luma": "0.299 0.587 0.114", "order": "given",
    "tiles": "independent", "receptive_radius": "8", "stride": "1", "min_side": "2",
}  # fmt: skip


def put_training_set(folder: Path, count: int, size: tuple[int, int] = (40, 30)) -> Path:
    """Write `count` photographs to learn from, and return their folder."""
    return put_photos(folder, count, size)


def build(channels: int = 1) -> DenseFuse:
    """Return a fresh network."""
    return DenseFuse(channels)


def near_identity(channels: int, noise: float = 0.01) -> DenseFuse:
    """Return a network that nearly reproduces its input, through all of its weights."""
    model = DenseFuse(channels)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(noise * torch.randn(value.shape, generator=generator))
            if value.ndim == 4 and ("conv" in name):
                for channel in range(channels):
                    value[channel, channel, 1, 1] += 1
    return model.eval()
