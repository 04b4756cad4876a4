"""BFFR: `cd BFFR_2022 && python -m benchmark.speed.BFFR_2022` prints JSON.

A training step is one of the fuser alone (stage 1). The segmenter is mmsegmentation's.
"""

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
from models.TransFuser6 import TransFuser6
from utils.util_device import keep_freed_memory, memory_format
from utils.util_fast import use_fast_form
from utils.util_fusion import ImageFusion
from utils.util_loss import average_loss

BATCH, SIZE = 2, (240, 320)  # height and width, pixels
PAIR = (480, 640)
ABOUT = {
    "train": f"steps of the fuser, batch {BATCH}, 320x240",
    "fuse": "pairs, 640x480 gray",
}


def ours(device: torch.device) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    model = TransFuser6().to(device).to(memory_format=memory_format(device, True))
    use_fast_form(model)
    fusion = ImageFusion(device=str(device))
    pair = gray_pair(*PAIR)
    return {"train": train(model, device), "fuse": lambda: fusion.fuse(pair)}


def plain(device: torch.device) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, q, k and v made, maps doubled before they are convolved."""
    model = TransFuser6().to(device)
    trained = TransFuser6().to(device).eval()
    load_weights(trained, ImageFusion().weights)
    pair = gray_pair(*PAIR)

    @torch.no_grad()
    def fuse() -> Image:
        vis, ir = planes(pair, device).split(1)
        return to_image(trained(vis, ir))

    return {"train": train(model, device), "fuse": fuse}


def train(model: TransFuser6, device: torch.device) -> Case:
    """Return a training step towards the mean of both sources."""
    vis, ir = noise(2, BATCH, 1, *SIZE).to(device)
    return training_step(model, lambda: average_loss(model(vis, ir), vis, ir))


if __name__ == "__main__":
    main(ABOUT, ours, plain)
