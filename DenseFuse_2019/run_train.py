"""Train DenseFuse: `python run_train.py --image_path PHOTOS`; see --help for every setting."""

import argparse

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from configs import build_parser, parse_args
from models.DenseFuse import DenseFuse
from utils import HERE
from utils.common.resume import RunState, open_or_resume
from utils.common.run_folder import announce_demo
from utils.util_dataset import split_photos
from utils.util_loss import check_crop_size, reconstruction_loss
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
    """Train an auto-encoder to reconstruct photographs (Sec. III-B)."""
    check_crop_size(args.crop_size, args.ssim)
    accelerator = start_process(args, build_parser())  # allocator, seed, banner
    announce_demo(args.image_path, say=accelerator.print)

    train_set, val_set = split_photos(args)
    channels = 1 if args.gray else 3
    model: nn.Module = DenseFuse(channels)
    optimizer: Optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    model, optimizer, train_loader, val_loader = prepare(
        accelerator, model, optimizer, train_set, val_set, args.batch_size, args.num_workers
    )
    scheduler = build_scheduler(optimizer, len(train_loader), args, accelerator.num_processes)
    examples = first_samples(val_set or train_set, accelerator.device)

    def losses(photos: Tensor) -> dict[str, Tensor]:  # Eq. 7-9
        return reconstruction_loss(model(photos), photos, args.ssim_weight, args.ssim)

    def pictures() -> dict[str, Tensor]:  # for TensorBoard
        return {"source": examples, "reconstruction": model(examples)}

    state = RunState(model, optimizer, scheduler, len(train_loader))  # what a checkpoint holds
    about = {"method": "DenseFuse_2019", "channels": str(channels)}
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
