# From common_code/training/utils/common/run.py; edit it there, then tools/sync.py.
"""A training run from its flags to its end."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

from utils.common.checkpoint import is_run_checkpoint, load_checkpoint
from utils.common.flags import FlagParser
from utils.common.resume import arguments_of, check_run
from utils.common.run_folder import (
    check_same_settings,
    find_checkpoint,
    git_revision,
    open_run,
    plain_arguments,
    print_banner,
)
from utils.util_device import keep_freed_memory, memory_format, resolve_device, set_threads
from utils.util_train import (
    Losses,
    Pictures,
    Training,
    build_accelerator,
    build_scheduler,
    fit,
    restore,
    seed_everything,
    state_of,
    validation_loader,
)

Build = Callable[[argparse.Namespace, Accelerator], Training]
LoadInto = Callable[[Any, Mapping[str, Any], Path], str]


def run_training(
    args: argparse.Namespace, parser: FlagParser, build: Build, load_into: LoadInto, root: Path
) -> None:
    """Train as the flags say.

    Args:
        args: With `add_training_flags` and `--output`.
        parser: Whose groups the banner shows.
        build: Makes data, model and optimiser, by `prepare_training`.
        load_into: Copies weights of any known form into a model and returns the form's name.
        root: The folder of the runs.
    """
    accelerator = start_process(args, parser)
    training = build(args, accelerator)
    run = resume(training, read_resumed(args), args, load_into)
    if accelerator.is_main_process:
        training.run = open_run(run, root, args)
    fit(training)
    accelerator.end_training()  # a process group left open can abort the exit


def start_process(args: argparse.Namespace, parser: FlagParser) -> Accelerator:
    """Set allocator, threads and seeds, print the banner, and return the accelerator."""
    keep_freed_memory()
    set_threads(args.threads)
    seed_everything(args.seed)
    accelerator = build_accelerator(resolve_device(args.device), args.precision, args.seed)
    if accelerator.is_main_process:
        print_banner(parser, args)
    accelerator.print(f"Device ready: {accelerator.device}, processes: {accelerator.num_processes}")
    return accelerator


def prepare_training(
    args: argparse.Namespace,
    accelerator: Accelerator,
    data: tuple[Any, Any],
    model: nn.Module,
    compute_losses: Losses,
    make_pictures: Pictures,
    about: Mapping[str, str],
) -> Training:
    """Return loaders, Adam and its schedule, ready for the device.

    Args:
        args: With `add_training_flags`.
        accelerator: From `build_accelerator`.
        data: The Dataset to train on, which has `start_epoch` and a `unit` to count in, and the
            one to validate on, or None.
        model: Freshly made.
        compute_losses: See `util_train`.
        make_pictures: See `util_train`.
        about: What the exported weights say of themselves, besides revision and seed.
    """
    train_set, val_set = data
    seen, unseen = len(train_set), len(val_set or ())
    accelerator.print(
        f"Loaded {seen + unseen} {train_set.unit} ({seen} to train on, {unseen} to validate on)"
    )
    workers = {"num_workers": args.num_workers, "persistent_workers": args.num_workers > 0}
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, **workers)
    accelerator.print("Training data ready...")
    if val_set:
        accelerator.print("Validation data ready...")
    model = model.to(memory_format=memory_format(accelerator.device))
    accelerator.print("initialize network with normal type")
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    model, optimizer, train_loader = accelerator.prepare(model, optimizer, train_loader)
    val_loader = validation_loader(accelerator, val_set, args.batch_size) if val_set else None
    scheduler = build_scheduler(optimizer.optimizer, len(train_loader), args)
    accelerator.print("Network and optimizer ready...")
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
        about={**about, "git_revision": git_revision(), "seed": str(args.seed)},
        show_progress=args.output,
    )


def read_resumed(args: argparse.Namespace) -> Mapping[str, Any] | None:
    """Return what `--resume_path` holds, if it is given."""
    return load_checkpoint(find_checkpoint(args.resume_path)) if args.resume_path else None


def resume(
    training: Training,
    state: Mapping[str, Any] | None,
    args: argparse.Namespace,
    load_into: LoadInto,
) -> Path | None:
    """Take over the state of a run, or weights.

    Args:
        training: Freshly prepared.
        state: From `read_resumed`.
        args: The settings, which must be the run's.
        load_into: See `run_training`.

    Returns:
        The run folder to go on in, or None for a new run.

    Raises:
        InputError: other settings than the run's, a damaged checkpoint, or foreign weights.
    """
    if state is None:
        return None
    checkpoint = find_checkpoint(args.resume_path)
    if is_run_checkpoint(state):
        check_same_settings(args, arguments_of(state, checkpoint))
        model = training.accelerator.unwrap_model(training.model)
        check_run(state, state_of(training), model, checkpoint)
        restore(training, state)
        training.accelerator.print(f"{checkpoint} goes on at epoch {training.next_epoch + 1}")
        folder = checkpoint.resolve().parent
        return folder.parent if folder.name == "checkpoints" else None
    form = load_into(training.accelerator.unwrap_model(training.model), state, checkpoint)
    training.accelerator.print(f"A new run starts from the weights of {checkpoint} ({form})")
    return None
