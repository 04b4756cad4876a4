"""Measure training steps and fused pairs a second: `python speed.py` prints JSON."""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from models.fusion_strategy import RANGE
from models.NestFuse_2020 import Decoder, Encoder, NestFuse
from utils.common.speed import (
    Case,
    batches,
    make_pair,
    make_photographs,
    measure,
    parse_args,
    plain_ms_ssim,
)
from utils.util_dataset import PhotoDataset
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.util_fast import use_fast_joins
from utils.util_fusion import ImageFusion
from utils.util_loss import pixel_loss, reconstruction_loss
from utils.util_train import build_accelerator
from utils.utils import run_main

BATCH, SIDE = 4, 256
ABOUT = {
    "method": "NestFuse_2020",
    "train": f"steps, batch {BATCH}, {SIDE}x{SIDE} gray, deep supervision, all included",
    "fuse": "pairs, 640x480 gray, average pooling",
}
STEPS = {"train": 1, "fuse": 1}  # a round


def our_cases(args: argparse.Namespace, files: list[Path]) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    accelerator = build_accelerator(resolve_device(args.device), args.precision, seed=0)
    model = use_fast_joins(NestFuse(deep_supervision=True)).to(
        memory_format=memory_format(accelerator.device)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    loader = DataLoader(
        PhotoDataset(files, size=SIDE),
        BATCH,
        num_workers=args.num_workers,
        persistent_workers=args.num_workers > 0,
    )
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    endless = batches(loader)

    def train() -> None:
        batch = next(endless)
        outputs = [reconstruction_loss(x, batch, 100, "ms_ssim")["loss"] for x in model(batch)]
        loss = torch.stack(outputs).mean()
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        optimizer.step()
        loss.item()

    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = make_pair()
    return {"train": train, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace, files: list[Path]) -> Mapping[str, Case]:
    """Return the same steps plainly: NCHW, doubled maps, 2-D SSIM windows, whole images."""
    device = resolve_device(args.device)
    model = NestFuse(deep_supervision=True)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    endless = batches(DataLoader(PhotoDataset(files, size=SIDE), BATCH))

    def loss_of(output: Tensor, batch: Tensor) -> Tensor:
        return pixel_loss(output, batch).mean() + 100 * (1 - plain_ms_ssim(output, batch))

    def train() -> None:
        batch = next(endless).to(device)
        loss = torch.stack([loss_of(output, batch) for output in model(batch)]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    pair = make_pair()
    encoder, decoder = Encoder().to(device), Decoder().to(device)

    def attend(first: Tensor, second: Tensor) -> Tensor:
        both = torch.stack([first, second])
        spatial = (RANGE * both.mean(dim=2, keepdim=True)).softmax(dim=0)
        pooled = torch.stack([F.adaptive_avg_pool2d(x, 1) for x in both])
        channel = pooled / (pooled.sum(dim=0) + 1e-5)
        return ((spatial * both).sum(dim=0) + (channel * both).sum(dim=0)) / 2

    @torch.no_grad()
    def fuse() -> np.ndarray:
        first, second = (torch.from_numpy(image).to(device)[None, None] / 255 for image in pair)
        pairs = zip(encoder(first), encoder(second), strict=True)
        fused = decoder([attend(a, b) for a, b in pairs])[-1][0, 0].clamp(0, 1)
        return (fused * 255).round().byte().cpu().numpy()

    return {"train": train, "fuse": fuse}


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_photographs(Path(folder)) if args.child else []
        measure(args, ABOUT, STEPS, lambda a: our_cases(a, files), lambda a: plain_cases(a, files))


if __name__ == "__main__":
    run_main(main, parse_args(f"Train on {BATCH} x {SIDE}x{SIDE} gray, fuse 640x480 pairs."))
