"""Train DeepFuse: `python run_train.py --image_path SCENES`; see --help for every setting."""

import argparse

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from configs import build_parser, parse_args
from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from utils import HERE
from utils.common.resume import RunState, open_or_resume
from utils.common.run_folder import announce_demo
from utils.util_dataset import Sample, split_scenes
from utils.util_loss import check_crop_size, deepfuse_loss, desired_image
from utils.util_train import (
    build_scheduler,
    first_samples,
    prepare,
    start_process,
    train_one_epoch,
    validate,
)
from utils.util_weights import load_into
from utils.utils import run_main


def main(args: argparse.Namespace) -> None:
    """Train the network to fuse two exposures, without ground truth (Sec. 3)."""
    check_crop_size(args.crop_size, args.loss_scales, args.levels)
    accelerator = start_process(args, build_parser())  # allocator, seed, banner
    announce_demo(args.image_path, say=accelerator.print)

    train_set, val_set = split_scenes(args)
    model: nn.Module = DeepFuse() if args.levels == 1 else DeepFusePyramid(args.levels)
    optimizer: Optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    model, optimizer, train_loader, val_loader = prepare(
        accelerator, model, optimizer, train_set, val_set, args.batch_size, args.num_workers
    )
    scheduler = build_scheduler(optimizer, len(train_loader), args, accelerator.num_processes)
    examples = first_samples(val_set or train_set, accelerator.device)

    weighting = None if args.loss_weighting == "consistency" else args.loss_weighting

    def losses(batch: Sample) -> dict[str, Tensor]:
        pairs, means = batch
        return deepfuse_loss(
            pairs,
            model(pairs),
            means,
            args.loss_scales,
            weighting,
            args.level_weight,
            args.clipping_weight,
        )

    def pictures() -> dict[str, Tensor]:  # for TensorBoard
        pairs, means = examples
        return {
            "under": pairs[:, :1],
            "over": pairs[:, 1:],
            "desired": desired_image(pairs, means, weighting),
            "fused": model(pairs),
        }

    state = RunState(model, optimizer, scheduler, len(train_loader))  # what a checkpoint holds
    about = {"method": "DeepFuse_2017", "levels": str(args.levels)}
    with open_or_resume(args, state, load_into, accelerator, HERE / "runs", about) as run:
        for epoch in range(state.next_epoch, args.num_epochs):
            lr = scheduler.get_last_lr()[0]
            title = f"Epoch [{epoch + 1}/{args.num_epochs}]" if args.output else ""
            trained = train_one_epoch(
                model, train_loader, losses, optimizer, scheduler, accelerator, epoch, title
            )
            validated = validate(model, val_loader, losses, accelerator, epoch)
            run.log(epoch, trained, validated, lr, pictures)
            run.save(epoch, (validated or trained)["loss"])
    accelerator.end_training()  # a process group that is left open can abort the exit


if __name__ == "__main__":
    run_main(main, parse_args())
