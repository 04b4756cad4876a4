"""DenseFuse: `cd DenseFuse_2019 && python -m benchmark.speed.DenseFuse_2019` prints JSON."""

from collections.abc import Mapping

import torch

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
from models.DenseFuse import DenseFuse
from utils.util_device import keep_freed_memory, memory_format
from utils.util_fusion import ImageFusion
from utils.util_loss import reconstruction_loss

BATCH, SIDE = 4, 256
PAIR = (480, 640)  # height and width, pixels
ABOUT = {
    "train": f"steps, batch {BATCH}, {SIDE}x{SIDE} gray",
    "fuse": "pairs, 640x480 gray, strategy addition",
}


def ours(device: torch.device) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    model = DenseFuse().to(device).to(memory_format=memory_format(device, True))
    photos = noise(BATCH, 1, SIDE, SIDE).to(device)
    fusion = ImageFusion(device=str(device))
    pair = gray_pair(*PAIR)
    return {
        "train": training_step(model, lambda: reconstruction_loss(model(photos), photos)["loss"]),
        "fuse": lambda: fusion.fuse(pair),
    }


def plain(device: torch.device) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, whole images."""
    model = DenseFuse().to(device)
    photos = noise(BATCH, 1, SIDE, SIDE).to(device)
    trained = DenseFuse().to(device)
    load_weights(trained, ImageFusion().weights)
    pair = gray_pair(*PAIR)

    @torch.no_grad()
    def fuse() -> Image:
        features = trained.encoder(planes(pair, device))
        return to_image(trained.decoder(features.mean(dim=0, keepdim=True)))

    return {
        "train": training_step(model, lambda: reconstruction_loss(model(photos), photos)["loss"]),
        "fuse": fuse,
    }


if __name__ == "__main__":
    main(ABOUT, ours, plain)
