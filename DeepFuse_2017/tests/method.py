"""What the tests that methods share need to know of this one."""

from pathlib import Path

import torch

from models.DeepFuse import DeepFuse
from tests.scenes import put_scenes

NAME = "DeepFuse"
FOLDER_NAME = "DeepFuse_2017"

BRIEF = ("--num_epochs", 2)  # shortens a training on the demo
SMALL = ("--crop_size", 16)  # trains fast
INTERRUPTED = ("--crop_size", 48, "--patches", 2)  # trains long enough to be interrupted
VARIED = ("--augment", "--gamma", "--levels", 3)  # draws what it trains on, and goes another way
TERMS = ("mef_ssim_loss", "level_loss", "clipping_loss")  # of the loss
OTHER_RUN = {  # flags that make it another run, by what is said of them
    "--loss_weighting consistency (now 4.0)": ("--loss_weighting", 4),
    "--patches 1 (now 3)": ("--patches", 3),
    "--gamma True (now False)": ("--no-gamma",),
    "--level_weight 0.2 (now 0.0)": ("--level_weight", 0),
}
EXPORTS: dict[str, dict[str, int]] = {  # flags of run_export.py, and of `ImageFusion`
    "": {"levels": 1},
    "--levels 3": {"levels": 3},
}
EXPORTED = {  # some of the metadata
    "sources": "under over", "channels": "1", "luma": "0.299 0.587 0.114", "order": "given",
    "tiles": "independent", "receptive_radius": "12", "stride": "1", "min_side": "4",
}  # fmt: skip


def put_training_set(folder: Path, count: int, size: tuple[int, int] = (33, 47)) -> Path:
    """Write `count` scenes of three exposures to learn from, and return their folder."""
    return put_scenes(folder, count, count=3, size=size)


def build(channels: int = 1) -> DeepFuse:
    """Return a fresh network; it takes luma, whatever the number of channels."""
    assert channels == 1
    return DeepFuse()


def near_identity(channels: int = 1, noise: float = 0.01) -> DeepFuse:
    """Return a network whose output is nearly the mean of its sources, through all weights."""
    model = build(channels)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(noise * torch.randn(value.shape, generator=generator))
            if value.ndim == 4:
                middle = value.shape[-1] // 2
                value[0, 0, middle, middle] += 0.5 if name.startswith("conv3") else 1  # of the sum
    return model.eval()
