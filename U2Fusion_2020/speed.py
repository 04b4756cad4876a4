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

from models.DenseNet import DenseNet
from utils.common.image import write_image
from utils.common.speed import Case, batches, make_pair, measure, parse_args, plain_ssim
from utils.util_dataset import PatchDataset, find_task_scenes
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.util_fusion import ImageFusion
from utils.util_loss import similarity_loss
from utils.util_train import build_accelerator
from utils.utils import run_main
from utils.vgg import SIDE as VGG_SIDE
from utils.vgg import TAPS, C, InformationMeasure, make_stand_in

BATCH, SIDE = 4, 64
PHOTOS = 8
ABOUT = {
    "method": "U2Fusion_2020",
    "train": f"steps, batch {BATCH}, pairs of {SIDE}x{SIDE}, loading, measuring and loss included",
    "fuse": "pairs, 640x480 gray",
}
STEPS = {"train": 2, "fuse": 2}  # a round


def make_pairs(folder: Path) -> None:
    """Write pairs of noise into `ir/` and `vis/` of a folder."""
    for index in range(PHOTOS):
        for name, image in zip(("ir", "vis"), make_pair(), strict=True):
            (folder / name).mkdir(exist_ok=True)
            write_image(folder / name / f"{index}.png", np.roll(image, index))


def make_patches(folder: Path) -> PatchDataset:
    """Return patches of pairs of noise."""
    make_pairs(folder)
    return PatchDataset(find_task_scenes("ivif", [folder]), SIDE, patches=64, swap=True)


def make_measure() -> InformationMeasure:
    """Return VGG16 in its own size with random weights, which change no timing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg.safetensors"
        make_stand_in(path, narrower=1)
        return InformationMeasure.load(path)


def our_cases(args: argparse.Namespace, patches: PatchDataset) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    accelerator = build_accelerator(resolve_device(args.device), args.precision, seed=0)
    model = DenseNet().to(memory_format=memory_format(accelerator.device))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    loader = DataLoader(
        patches, BATCH, num_workers=args.num_workers, persistent_workers=args.num_workers > 0
    )
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    endless = batches(loader)
    information = make_measure().to(accelerator.device)

    def train() -> None:
        sources = next(endless)["sources"]
        with accelerator.autocast():
            weights = information(sources, C["ivif"])
        losses = similarity_loss(sources, model(sources), weights)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(losses["loss"])
        optimizer.step()
        losses["loss"].item()

    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = make_pair()
    return {"train": train, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace, patches: PatchDataset) -> Mapping[str, Case]:
    """Return the same steps plainly: NCHW, eager, channel by channel, whole images."""
    device = resolve_device(args.device)
    vgg = make_measure().vgg.to(device)
    model = DenseNet().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    endless = batches(DataLoader(patches, BATCH))

    def train() -> None:
        sources = next(endless)["sources"].to(device)
        each = sources.split(1, dim=1)
        with torch.no_grad():
            found = torch.stack([plain_information(vgg.features, image) for image in each], dim=1)
            weights = (found / C["ivif"]).softmax(dim=1)
        fused = model(sources)
        loss = torch.zeros((), device=device)
        for image, weight in zip(each, weights.split(1, dim=1), strict=True):
            for n in range(BATCH):
                similarity = plain_ssim(fused[n : n + 1], image[n : n + 1])
                error = F.mse_loss(fused[n], image[n])
                loss = loss + weight[n, 0] * (1 - similarity + 20 * error) / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    pair = make_pair()

    @torch.no_grad()
    def fuse() -> np.ndarray:
        sources = torch.stack([torch.from_numpy(image) for image in pair]).to(device)
        fused = model(sources[None] / 255)[0, 0]
        return (fused * 255).round().byte().cpu().numpy()

    return {"train": train, "fuse": fuse}


def plain_information(layers: torch.nn.Sequential, luma: Tensor) -> Tensor:
    """Return g of each luma in [0, 1], (B, 1, H, W) to (B,), a map at a time."""
    kernel = torch.full((1, 1, 3, 3), 1 / 8, device=luma.device)
    kernel[..., 1, 1] = -1
    mean = torch.tensor([123.0, 117.0, 104.0], device=luma.device).view(1, 3, 1, 1)
    x = F.interpolate(luma, (VGG_SIDE, VGG_SIDE)).repeat(1, 3, 1, 1) * 255 - mean
    total = torch.zeros(len(luma), device=luma.device)
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in TAPS:
            sums = torch.zeros_like(total)
            for channel in range(x.shape[1]):
                edges = F.conv2d(x[:, channel : channel + 1], kernel, padding=1)
                sums += edges.square().mean(dim=(1, 2, 3))
            total += sums / x.shape[1]
    return total / len(TAPS)


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    with tempfile.TemporaryDirectory() as folder:
        patches = make_patches(Path(folder))
        measure(
            args, ABOUT, STEPS, lambda a: our_cases(a, patches), lambda a: plain_cases(a, patches)
        )


if __name__ == "__main__":
    run_main(
        main, parse_args(f"Train on {BATCH} pairs of {SIDE}x{SIDE}, fuse gray pairs of 640x480.")
    )
