"""NestFuse: `cd NestFuse_2020 && python -m benchmark.speed.NestFuse_2020` prints JSON."""

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
from models.NestFuse_2020 import NestFuse
from utils.util_device import keep_freed_memory, memory_format
from utils.util_fast import use_fast_joins
from utils.util_fusion import ImageFusion
from utils.util_loss import reconstruction_loss

BATCH, SIDE = 4, 256
PAIR = (480, 640)  # height and width, pixels
ABOUT = {
    "train": f"steps, batch {BATCH}, {SIDE}x{SIDE} gray, deep supervision",
    "fuse": "pairs, 640x480 gray, average pooling",
}


def ours(device: torch.device) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    model = NestFuse(deep_supervision=True).to(device).to(memory_format=memory_format(device, True))
    use_fast_joins(model)
    fusion = ImageFusion(device=str(device))
    pair = gray_pair(*PAIR)
    return {"train": train(model, device), "fuse": lambda: fusion.fuse(pair)}


def plain(device: torch.device) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, maps doubled before they are convolved, whole images."""
    model = NestFuse(deep_supervision=True).to(device)
    trained = NestFuse().to(device)
    load_weights(trained, ImageFusion().weights)
    pair = gray_pair(*PAIR)

    @torch.no_grad()
    def fuse() -> Image:
        scales = [attend(features) for features in trained.encoder(planes(pair, device))]
        return to_image(trained.decoder(scales)[-1])

    return {"train": train(model, device), "fuse": fuse}


def train(model: NestFuse, device: torch.device) -> Case:
    """Return a training step: the mean loss of the decoder's outputs (Sec. III-B)."""
    photos = noise(BATCH, 1, SIDE, SIDE).to(device)

    def loss() -> Tensor:
        losses = [reconstruction_loss(x, photos, kind="ms_ssim")["loss"] for x in model(photos)]
        return torch.stack(losses).mean()

    return training_step(model, loss)


def attend(features: Tensor) -> Tensor:
    """Return the features fused by both attentions (Sec. III-C), (2, C, H, W) to (1, C, H, W)."""
    spatial = (255 * features.mean(dim=1, keepdim=True)).softmax(dim=0)
    pooled = features.mean(dim=(2, 3), keepdim=True)
    channel = pooled / pooled.sum(dim=0).clamp_min(1e-30)
    return ((spatial + channel) / 2 * features).sum(dim=0, keepdim=True)


if __name__ == "__main__":
    main(ABOUT, ours, plain)
