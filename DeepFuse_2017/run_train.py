"""Train DeepFuse: `python run_train.py --image_path SCENES`; see --help for every setting."""

import argparse

from accelerate import Accelerator
from torch import Tensor, nn

from configs import build_parser, parse_args
from models.DeepFuse import DeepFuse
from utils import HERE
from utils.common.run import prepare_training, run_training
from utils.util_dataset import split_scenes
from utils.util_loss import check_crop_size, deepfuse_loss, desired_image
from utils.util_train import Training
from utils.util_weights import load_into
from utils.utils import run_main


def build_training(args: argparse.Namespace, accelerator: Accelerator) -> Training:
    """Return data, model, optimiser and losses, ready for the device."""
    weighting = None if args.loss_weighting == "consistency" else args.loss_weighting

    def compute_losses(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return deepfuse_loss(
            batch,
            model(batch),
            args.loss_scales,
            weighting,
            args.level_weight,
            args.clipping_weight,
        )

    def make_pictures(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {
            "under": batch[:, :1],
            "over": batch[:, 1:],
            "desired": desired_image(batch, weighting),
            "fused": model(batch),
        }

    return prepare_training(
        args,
        accelerator,
        split_scenes(args),
        DeepFuse(),
        compute_losses,
        make_pictures,
        about={"method": "DeepFuse_2017"},
    )


def main(args: argparse.Namespace) -> None:
    """Train as `args` says."""
    check_crop_size(args.crop_size, args.loss_scales)
    run_training(args, build_parser(), build_training, load_into, HERE / "runs")


if __name__ == "__main__":
    run_main(main, parse_args())
