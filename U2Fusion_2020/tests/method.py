"""What is U2Fusion's own in the tests: its networks, and a stand-in for VGG16."""

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
    return ("--crop_size", 16, "--batch_size", 2, "--vgg_weights", stand_in())


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
