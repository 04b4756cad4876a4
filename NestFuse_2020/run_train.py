"""Train NestFuse: `python run_train.py --image_path PHOTOS`; see --help for every setting."""

import argparse

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from configs import build_parser, parse_args
from models.NestFuse_2020 import NestFuse
from utils import HERE
from utils.common.run import prepare_training, run_training
from utils.util_dataset import split_photos
from utils.util_fast import use_fast_joins
from utils.util_loss import check_crop_size, reconstruction_loss
from utils.util_train import Training
from utils.util_weights import load_into
from utils.utils import InputError, run_main


def build_training(args: argparse.Namespace, accelerator: Accelerator) -> Training:
    """Return data, model, optimiser and losses, ready for the device."""

    def compute_losses(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        each = [
            reconstruction_loss(output, batch, args.ssim_weight, args.ssim)
            for output in model(batch)
        ]
        return {name: torch.stack([losses[name] for losses in each]).mean() for name in each[0]}

    def make_pictures(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"source": batch, "reconstruction": model(batch)[-1]}

    channels = 1 if args.gray else 3
    return prepare_training(
        args,
        accelerator,
        split_photos(args),
        use_fast_joins(NestFuse(channels, args.deepsupervision)),
        compute_losses,
        make_pictures,
        about={"method": "NestFuse_2020", "channels": str(channels)},
    )


def main(args: argparse.Namespace) -> None:
    """Train as `args` says."""
    check_crop_size(args.crop_size, args.ssim)
    if args.crop_size < NestFuse.min_side:
        raise InputError(f"--crop_size {args.crop_size}: the network needs {NestFuse.min_side}")
    run_training(args, build_parser(), build_training, load_into, HERE / "runs")


if __name__ == "__main__":
    run_main(main, parse_args())
