"""Measure training steps and fused pairs a second: `python speed.py` prints JSON."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from models.DenseFuse import DenseFuse
from utils.util_dataset import PhotoDataset
from utils.util_device import (
    PRECISIONS,
    build_accelerator,
    keep_freed_memory,
    memory_format,
    resolve_device,
    set_threads,
)
from utils.util_fusion import ImageFusion
from utils.util_image import write_image
from utils.util_loss import densefuse_loss, pixel_loss
from utils.util_speed import Case, compare, plain_ssim, serve
from utils.utils import FlagParser, positive_int, run_main

BATCH, SIDE = 4, 256
PAIR = (480, 640)  # height and width, pixels
STEPS = {"train": 2, "fuse": 3}  # a round


def parse_args() -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description=f"Train on {BATCH} x {SIDE}x{SIDE} gray, fuse 640x480 pairs.")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for one a core")
    parser.add_argument("--num_workers", type=int, default=1, help="loading processes, ours alone")
    parser.add_argument("--precision", choices=tuple(PRECISIONS), default="fp32", help="ours alone")
    parser.add_argument("--tile", type=int, help="pixels a side, 0 for whole images")
    parser.add_argument("--rounds", type=positive_int, default=5, help="turns of the two forms")
    parser.add_argument("--child", choices=("ours", "plain"), help=argparse.SUPPRESS)
    return parser.parse_args()


def make_photographs(folder: Path) -> list[Path]:
    """Write 32 JPEG files of 640x480, smooth with some noise, and return their paths."""
    random = np.random.default_rng(0)
    paths = [folder / f"{index:02d}.jpg" for index in range(32)]
    for path in paths:
        coarse = (
            random.random((PAIR[0] // 16, PAIR[1] // 16, 3)).repeat(16, axis=0).repeat(16, axis=1)
        )
        noise = random.normal(0, 8, (*PAIR, 3))
        write_image(path, (255 * coarse + noise).clip(0, 255).astype(np.uint8))
    return paths


def batches(loader: DataLoader) -> Iterator[Tensor]:
    """Yield batches without end."""
    while True:
        yield from loader


def our_cases(args: argparse.Namespace, files: list[Path]) -> dict[str, Case]:
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
        losses = densefuse_loss(model(batch), batch)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(losses["loss"])
        optimizer.step()
        losses["loss"].item()

    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = _pair()
    return {"train": train, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace, files: list[Path]) -> dict[str, Case]:
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

    pair = _pair()

    @torch.no_grad()
    def fuse() -> np.ndarray:
        first, second = (torch.from_numpy(image).to(device)[None, None] / 255 for image in pair)
        features = (model.encoder(first) + model.encoder(second)) / 2
        fused = model.decoder(features)[0, 0].clamp(0, 1)
        return (fused * 255).round().byte().cpu().numpy()

    return {"train": train, "fuse": fuse}


def _pair() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, PAIR, dtype=np.uint8) for _ in range(2)]


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    set_threads(args.threads)
    if args.child is None:
        about = {
            "method": "DenseFuse_2019",
            "train": f"steps, batch {BATCH}, {SIDE}x{SIDE} gray, loading and loss included",
            "fuse": "pairs, 640x480 gray, strategy addition",
            "device": args.device,
            "threads": torch.get_num_threads(),
            "precision": args.precision,
            "torch": str(torch.__version__),
        }
        print(json.dumps({"about": about, **compare(STEPS, sys.argv[1:], args.rounds)}, indent=2))
        return
    build = our_cases if args.child == "ours" else plain_cases
    with tempfile.TemporaryDirectory() as folder:
        serve(build(args, make_photographs(Path(folder))), resolve_device(args.device))


if __name__ == "__main__":
    run_main(main, parse_args())
