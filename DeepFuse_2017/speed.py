"""Measure training steps and fused pairs a second: `python speed.py` prints JSON."""

import argparse
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from models.DeepFuse import DeepFuse
from utils.common.image import write_image
from utils.common.speed import Case, batches, make_pair, measure, parse_args
from utils.util_dataset import ExposureDataset, load_scenes
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.util_fusion import ImageFusion
from utils.util_loss import (
    MAX_EXPONENT,
    NORM_OFFSET,
    WINDOW,
    K,
    clipping_loss,
    deepfuse_loss,
    gaussian_window,
    level_loss,
)
from utils.util_train import build_accelerator
from utils.utils import run_main

BATCH, SIDE = 4, 64
SCENES, SCENE = 8, (240, 320)  # height and width, pixels
PAIR = (800, 1200)
ABOUT = {
    "method": "DeepFuse_2017",
    "train": f"steps, batch {BATCH}, pairs of {SIDE}x{SIDE}, loading and loss included",
    "fuse": "pairs, 1200x800 gray",
}
STEPS = {"train": 8, "fuse": 2}  # a round


def make_patches(folder: Path) -> ExposureDataset:
    """Write scenes of two exposures, smooth with some noise, and return patches of them."""
    random = np.random.default_rng(0)
    for index in range(SCENES):
        coarse = random.random((SCENE[0] // 16, SCENE[1] // 16)).repeat(16, 0).repeat(16, 1)
        for name, gain in (("under", 0.4), ("over", 1.6)):
            values = 255 * gain * coarse + random.normal(0, 8, SCENE)
            path = folder / f"{index:02d}" / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            write_image(path, values.clip(0, 255).astype(np.uint8))
    return ExposureDataset(load_scenes([folder], False), SIDE, patches=64)


def our_cases(args: argparse.Namespace, patches: ExposureDataset) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    accelerator = build_accelerator(resolve_device(args.device), args.precision, seed=0)
    model = DeepFuse().to(memory_format=memory_format(accelerator.device))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    loader = DataLoader(
        patches,
        BATCH,
        num_workers=args.num_workers,
        persistent_workers=args.num_workers > 0,
    )
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    endless = batches(loader)

    def train() -> None:
        batch = next(endless)
        losses = deepfuse_loss(batch, model(batch))
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(losses["loss"])
        optimizer.step()
        losses["loss"].item()

    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = make_pair(PAIR)
    return {"train": train, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace, patches: ExposureDataset) -> Mapping[str, Case]:
    """Return the same steps plainly: NCHW, eager, every patch cut out, whole images."""
    device = resolve_device(args.device)
    model = DeepFuse().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    endless = batches(DataLoader(patches, BATCH))

    def train() -> None:
        batch = next(endless).to(device)
        fused = model(batch)
        clipped = fused.clamp(0, 1)
        loss = plain_mef_ssim_loss(batch, clipped) + 0.1 * level_loss(batch, clipped).mean()
        loss = loss + clipping_loss(fused).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    pair = make_pair(PAIR)

    @torch.no_grad()
    def fuse() -> np.ndarray:
        exposures = torch.stack([torch.from_numpy(image) for image in pair]).to(device)
        fused = model(exposures[None] / 255)[0, 0].clamp(0, 1)
        return (fused * 255).round().byte().cpu().numpy()

    return {"train": train, "fuse": fuse}


def plain_mef_ssim_loss(sources: Tensor, fused: Tensor) -> Tensor:
    """Return the mean MEF-SSIM loss in its plain form: patches cut out, as the paper says it."""
    batch, count = sources.shape[:2]
    patches = F.unfold(sources.flatten(0, 1)[:, None], WINDOW)  # (B N, 121, L)
    patches = patches.unflatten(0, (batch, count))
    centred = patches - patches.mean(dim=2, keepdim=True)
    bare = centred.norm(dim=2, keepdim=True)
    contrast = bare + NORM_OFFSET
    together = centred.sum(dim=1, keepdim=True).norm(dim=2, keepdim=True)
    tiny = torch.finfo(sources.dtype).eps
    consistency = (together + tiny) / (bare.sum(dim=1, keepdim=True) + tiny)
    exponent = torch.tan(math.pi / 2 * consistency.clamp_max(1 - 1e-7)).clamp(0, MAX_EXPONENT)
    weights = (255 * contrast / WINDOW) ** exponent + tiny
    structure = (weights * centred / contrast).sum(dim=1) / weights.sum(dim=1)  # (B, 121, L)
    length = structure.norm(dim=1, keepdim=True).clamp_min(1e-12)
    desired = contrast.amax(dim=1) * structure / length
    line = gaussian_window().to(sources)
    window = torch.outer(line, line).reshape(1, -1, 1)
    found = F.unfold(fused, WINDOW)
    desired = desired - (window * desired).sum(dim=1, keepdim=True)
    found = found - (window * found).sum(dim=1, keepdim=True)
    covariance = (window * desired * found).sum(dim=1)
    variances = (window * (desired.square() + found.square())).sum(dim=1)
    return 1 - ((2 * covariance + K**2) / (variances + K**2)).mean()


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    with tempfile.TemporaryDirectory() as folder:
        patches = make_patches(Path(folder))
        measure(
            args, ABOUT, STEPS, lambda a: our_cases(a, patches), lambda a: plain_cases(a, patches)
        )


if __name__ == "__main__":
    run_main(
        main, parse_args(f"Train on {BATCH} pairs of {SIDE}x{SIDE}, fuse gray pairs of 1200x800.")
    )
