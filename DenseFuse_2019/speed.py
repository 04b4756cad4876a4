"""Measure training steps and fused pairs a second: `python speed.py` prints JSON."""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from models.DenseFuse import DenseFuse
from utils.common.speed import (
    Case,
    batches,
    make_pair,
    make_photographs,
    measure,
    parse_args,
    plain_ssim,
)
from utils.util_dataset import PhotoDataset
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.util_fusion import ImageFusion
from utils.util_loss import pixel_loss, reconstruction_loss
from utils.util_train import build_accelerator
from utils.utils import run_main

BATCH, SIDE = 4, 256
ABOUT = {
    "method": "DenseFuse_2019",
    "train": f"steps, batch {BATCH}, {SIDE}x{SIDE} gray, loading and loss included",
    "fuse": "pairs, 640x480 gray, strategy addition",
}
STEPS = {"train": 2, "fuse": 3}  # a round


def our_cases(args: argparse.Namespace, files: list[Path]) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    accelerator = build_accelerator(resolve_device(args.device), args.precision, seed=0)
    model = DenseFuse().to(memory_format=memory_format(accelerator.device))
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
        losses = reconstruction_loss(model(batch), batch)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(losses["loss"])
        optimizer.step()
        losses["loss"].item()

    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = make_pair()
    return {"train": train, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace, files: list[Path]) -> Mapping[str, Case]:
    """Return the same steps plainly: NCHW, eager, 2-D SSIM windows, whole images."""
    device = resolve_device(args.device)
    model = DenseFuse().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    endless = batches(DataLoader(PhotoDataset(files, size=SIDE), BATCH))

    def train() -> None:
        batch = next(endless).to(device)
        output = model(batch)
        loss = pixel_loss(output, batch).mean() + 100 * (1 - plain_ssim(output, batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    pair = make_pair()

    @torch.no_grad()
    def fuse() -> np.ndarray:
        first, second = (torch.from_numpy(image).to(device)[None, None] / 255 for image in pair)
        features = (model.encoder(first) + model.encoder(second)) / 2
        fused = model.decoder(features)[0, 0].clamp(0, 1)
        return (fused * 255).round().byte().cpu().numpy()

    return {"train": train, "fuse": fuse}


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_photographs(Path(folder)) if args.child else []
        measure(args, ABOUT, STEPS, lambda a: our_cases(a, files), lambda a: plain_cases(a, files))


if __name__ == "__main__":
    run_main(main, parse_args(f"Train on {BATCH} x {SIDE}x{SIDE} gray, fuse 640x480 pairs."))
