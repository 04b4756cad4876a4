"""What the tests that methods share need to know of this one, and a stand-in for VGG16."""

import functools
import tempfile
from pathlib import Path

import torch

from models.DenseNet import DenseNet
from tests.helpers import put_pair, put_photos
from tests.scenes import put_scenes
from utils.vgg import make_stand_in

NAME = "U2Fusion"
FOLDER_NAME = "U2Fusion_2020"


@functools.cache
def stand_in() -> Path:
    """Return the weights of a small network in place of VGG16."""
    path = Path(tempfile.mkdtemp(prefix="stand_in")) / "vgg.safetensors"
    make_stand_in(path)
    return path


SMALL = ("--crop_size", 16, "--vgg_weights", stand_in())  # trains fast
BRIEF = ("--num_epochs", 1, "--vgg_weights", stand_in())  # shortens a training on the demo
INTERRUPTED = (*SMALL, "--crop_size", 32, "--patches", 3)  # trains long enough to be interrupted
VARIED = ("--augment",)  # draws what it trains on
TERMS = ("pixel_loss", "ssim_loss")  # of the loss
OTHER_RUN = {  # flags that make it another run, by what is said of them
    "--c_ivif 3000.0 (now 2000.0)": ("--c_ivif", 2000),
    "--ewc_lambda 80000.0 (now 1.0)": ("--ewc_lambda", 1),
    "--fresh_patches False (now True)": ("--fresh_patches",),
    "--mse_weight 20.0 (now 0.0)": ("--mse_weight", 0),
}
EXPORTS: dict[str, dict[str, str]] = {  # flags of run_export.py, and of `ImageFusion`
    "": {},
    "--sources exposures": {},
}
EXPORTED = {  # some of the metadata of the first one
    "sources": "vis ir", "channels": "1", "luma": "0.299 0.587 0.114", "order": "given",
    "tiles": "independent", "receptive_radius": "10", "stride": "1", "min_side": "2",
}  # fmt: skip


def put_training_set(folder: Path, count: int, size: tuple[int, int] = (33, 47)) -> Path:
    """Write `count` pairs to learn from, and return their folder."""
    return put_set(folder, count=count, size=size)


def build(channels: int = 1) -> DenseNet:
    """Return a fresh network; it takes luma, whatever the number of channels."""
    assert channels == 1
    return DenseNet()


def near_identity(channels: int = 1, noise: float = 0.01) -> DenseNet:
    """Return a network whose output rises with the mean of its sources, through all weights."""
    model = build(1)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(noise * torch.randn(value.shape, generator=generator))
            if value.ndim == 4:
                value[0, : 2 if name.startswith("conv1") else 1, 1, 1] += 1
        model.get_parameter("conv_out.bias")[0] -= 1  # the tanh of the sum, less one
    return model.eval()


def quick() -> tuple[object, ...]:
    """Return the flags of a training that takes a moment."""
    return (*SMALL, "--batch_size", 2)


def tiny(*words: object) -> tuple[object, ...]:
    """Return the flags of a training of one epoch, and more."""
    return (*quick(), "--num_epochs", 1, *words)


def flags_of_pair(folder: Path) -> list[object]:
    """Write a sound pair and return the flags that fuse it."""
    ir, vis = put_pair(folder, "a")
    return ["--ir", ir, "--vis", vis, "--output", folder / "out" / "fused.png"]


def put_set(
    folder: Path, task: str = "ivif", count: int = 4, size: tuple[int, int] = (33, 47)
) -> Path:
    """Write pairs of a task, or for `mff` photographs to make them of, and return the folder."""
    if task == "ivif":
        for number in range(count):
            put_pair(folder, f"p{number:02d}", number, size=size)
        return folder
    return (
        put_scenes(folder, count, size=size) if task == "mef" else put_photos(folder, count, size)
    )
