"""Train DenseFuse: `python run_train.py --image_path PHOTOS`; see --help for every setting."""

import argparse
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from configs import HERE, build_parser, parse_args
from models.DenseFuse import DenseFuse
from utils.util_checkpoint import is_run_checkpoint, load_checkpoint
from utils.util_dataset import PhotoDataset, choose_files
from utils.util_device import (
    build_accelerator,
    keep_freed_memory,
    memory_format,
    resolve_device,
    set_threads,
)
from utils.util_loss import MIN_SIDE, densefuse_loss
from utils.util_train import Training, build_scheduler, fit, restore
from utils.util_weights import load_into
from utils.utils import (
    InputError,
    check_same_settings,
    find_checkpoint,
    git_revision,
    open_run,
    plain_arguments,
    print_banner,
    run_main,
    seed_everything,
)


def build_loaders(
    args: argparse.Namespace, accelerator: Accelerator
) -> tuple[DataLoader, DataLoader | None]:
    """Return the loaders of the training and the validation images."""
    train_files, val_files = choose_files(
        args.image_path, args.train_num, args.train_num_typed, args.val_fraction, args.seed
    )
    accelerator.print(
        f"Loaded {len(train_files) + len(val_files)} images "
        f"({len(train_files)} to train on, {len(val_files)} to validate on)"
    )
    workers = {"num_workers": args.num_workers, "persistent_workers": args.num_workers > 0}
    common = (args.gray, args.crop_size, args.sampling)
    train_set = PhotoDataset(train_files, *common, flip=args.flip, seed=args.seed)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, **workers)
    if not val_files:
        return train_loader, None
    return train_loader, DataLoader(PhotoDataset(val_files, *common), args.batch_size)


def build_training(args: argparse.Namespace, accelerator: Accelerator) -> Training:
    """Return data, model, optimiser and schedule, ready for the device."""
    train_loader, val_loader = build_loaders(args, accelerator)
    accelerator.print("Training data ready...")
    model = DenseFuse(channels=1 if args.gray else 3)
    model = model.to(memory_format=memory_format(accelerator.device))
    accelerator.print("initialize network with normal type")
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    model, optimizer, train_loader = accelerator.prepare(model, optimizer, train_loader)
    val_loader = accelerator.prepare(val_loader) if val_loader else None
    scheduler = build_scheduler(optimizer.optimizer, len(train_loader), args)
    accelerator.print("Network and optimizer ready...")

    def compute_losses(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return densefuse_loss(model(batch), batch, args.ssim_weight, args.ssim)

    def make_pictures(model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"source": batch, "reconstruction": model(batch)}

    return Training(
        accelerator=accelerator,
        model=model,
        optimizer=optimizer,
        scheduler=scheduler,
        train_loader=train_loader,
        val_loader=val_loader,
        compute_losses=compute_losses,
        make_pictures=make_pictures,
        num_epochs=args.num_epochs,
        arguments=plain_arguments(args),
        about={
            "method": "DenseFuse_2019",
            "channels": "1" if args.gray else "3",
            "git_revision": git_revision(),
            "seed": str(args.seed),
        },
        show_progress=args.output,
    )


def resume(training: Training, args: argparse.Namespace) -> Path | None:
    """Load `--resume_path`, and return the run folder to go on in, or None for a new run."""
    if args.resume_path is None:
        return None
    checkpoint = find_checkpoint(args.resume_path)
    state = load_checkpoint(checkpoint)
    if is_run_checkpoint(state):
        check_same_settings(args, state["arguments"])
        restore(training, state)
        training.accelerator.print(f"{checkpoint} goes on at epoch {training.next_epoch + 1}")
        folder = checkpoint.resolve().parent
        return folder.parent if folder.name == "checkpoints" else None
    form = load_into(training.accelerator.unwrap_model(training.model), state, checkpoint)
    training.accelerator.print(f"A new run starts from the weights of {checkpoint} ({form})")
    return None


def main(args: argparse.Namespace) -> None:
    """Train as `args` says."""
    if args.crop_size < MIN_SIDE[args.ssim]:
        raise InputError(
            f"--crop_size {args.crop_size}: --ssim {args.ssim} needs {MIN_SIDE[args.ssim]} or more"
        )
    keep_freed_memory()
    set_threads(args.threads)
    seed_everything(args.seed)
    accelerator = build_accelerator(resolve_device(args.device), args.precision, args.seed)
    if accelerator.is_main_process:
        print_banner(build_parser(), args)
    accelerator.print(f"Device ready: {accelerator.device}, processes: {accelerator.num_processes}")
    training = build_training(args, accelerator)
    run = resume(training, args)
    if accelerator.is_main_process:
        training.run = open_run(run, HERE / "runs", args)
    fit(training)
    accelerator.end_training()  # a process group left open can abort the exit


if __name__ == "__main__":
    run_main(main, parse_args())
