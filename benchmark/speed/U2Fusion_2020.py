"""U2Fusion: `cd U2Fusion_2020 && python -m benchmark.speed.U2Fusion_2020` prints JSON.

A training step is one on fixed patches, whose information weights are measured once before.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmark.speed.harness import (
    Case,
    Image,
    gray_pair,
    load_weights,
    main,
    noise,
    planes,
    to_image,
    training_step,
)
from models.DenseNet import DenseNet
from utils.util_device import keep_freed_memory, memory_format
from utils.util_fusion import ImageFusion
from utils.util_loss import similarity_loss

BATCH, SIDE = 4, 64
PAIR = (480, 640)  # height and width, pixels
ABOUT = {
    "train": f"steps, batch {BATCH}, pairs of {SIDE}x{SIDE}, information known",
    "fuse": "pairs, 640x480 gray",
}


def ours(device: torch.device) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    model = DenseNet().to(device).to(memory_format=memory_format(device, True))
    fusion = ImageFusion(device=str(device))
    pair = gray_pair(*PAIR)
    return {"train": train(model, device), "fuse": lambda: fusion.fuse(pair)}


def plain(device: torch.device) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, whole images."""
    model = DenseNet().to(device)
    trained = DenseNet().to(device)
    load_weights(trained, ImageFusion().weights)
    pair = gray_pair(*PAIR)

    @torch.no_grad()
    def fuse() -> Image:
        return to_image(trained(planes(pair, device).transpose(0, 1)))

    return {"train": train(model, device), "fuse": fuse}


def train(model: DenseNet, device: torch.device) -> Case:
    """Return a training step with the weights 0.4 and 0.6 of the two sources."""
    sources = noise(BATCH, 2, SIDE, SIDE).to(device)
    weights = torch.tensor([[0.4, 0.6]], device=device).expand(BATCH, 2)

    def loss() -> Tensor:
        return similarity_loss(sources, model(sources), weights)["loss"]

    return training_step(model, loss)


if __name__ == "__main__":
    main(ABOUT, ours, plain)
