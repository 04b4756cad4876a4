# From common_code/training/utils/util_train.py; edit it there, then tools/sync.py.
"""What `run_train.py` is made of: the start of a process, loaders, epochs and validation."""

import argparse
import math
import os
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, find_batch_size, gather_object, send_to_device
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Subset, default_collate
from tqdm import tqdm

from utils.common.flags import FlagParser
from utils.common.run_folder import print_banner
from utils.common.training_flags import PRECISIONS
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.utils import InputError

Losses = Callable[[Any], dict[str, Tensor]]  # of a batch: named scalars, `loss` is minimized
Means = dict[str, float]  # of the losses, by name


class NonFiniteLossError(InputError):
    """The loss became NaN or infinite.

    Training stops before the optimizer's step, so the weights stay finite.
    """


def start_process(args: argparse.Namespace, parser: FlagParser) -> Accelerator:
    """Set allocator and seeds, print the banner, and return the accelerator.

    Args:
        args: Of these, `device`, `precision` and `seed` are used.
        parser: Its groups are printed.
    """
    keep_freed_memory()
    seed_everything(args.seed)
    accelerator = build_accelerator(resolve_device(args.device), args.precision, args.seed)
    if accelerator.is_main_process:
        print_banner(parser, args)
    accelerator.print(f"Device ready: {accelerator.device}, processes: {accelerator.num_processes}")
    return accelerator


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators, and select repeatable kernels."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def build_accelerator(device: torch.device, precision: str, seed: int) -> Accelerator:
    """Return the accelerator of this process, whether it runs alone or was started by a launcher.

    Args:
        device: From `resolve_device`. Under `torchrun` each process takes the GPU of its rank.
        precision: `fp32`, `bf16` or `fp16`.
        seed: Decides the order of the samples, together with the epoch.

    Raises:
        InputError: `accelerate launch` was told to start several processes and started one.
    """
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=PRECISIONS[precision],
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, data_seed=seed),
    )
    launched = os.environ.get("ACCELERATE_USE_CPU") == "True" and "MASTER_ADDR" in os.environ
    if launched and accelerator.num_processes == 1:
        raise InputError(
            "accelerate launch starts one process on CPUs, whatever --num_processes says, unless "
            "it uses MPI; start several with torchrun --nproc_per_node N run_train.py ..."
        )
    return accelerator


def prepare(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: Optimizer,
    train_set: Any,
    val_set: Any,
    batch_size: int,
    num_workers: int,
) -> tuple[nn.Module, Optimizer, Any, DataLoader[Any] | None]:
    """Move network and optimizer to the device, and make the loaders of this process.

    Args:
        accelerator: From `start_process`.
        model: The network.
        optimizer: Of its parameters.
        train_set: Dataset to train on, with `start_epoch` and a `unit` to count in.
        val_set: Dataset to validate on, or None.
        batch_size: Samples in each step of each process.
        num_workers: Processes that load samples to train on.

    Returns:
        The network, the optimizer, the loader to train with, and the loader to validate with, or
        None without a validation set.
    """
    seen, unseen = len(train_set), len(val_set or ())
    accelerator.print(
        f"Loaded {seen + unseen} {train_set.unit} ({seen} to train on, {unseen} to validate on)"
    )
    train_loader: Any = DataLoader(
        train_set,
        batch_size,
        shuffle=True,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
    )
    accelerator.print("Training data ready...")
    val_loader = None
    if val_set:  # no sample is in the shares of two processes
        own = range(accelerator.process_index, len(val_set), accelerator.num_processes)
        val_loader = DataLoader(Subset(val_set, own), batch_size)
        accelerator.print("Validation data ready...")
    model = model.to(memory_format=memory_format(accelerator.device, training=True))
    accelerator.print("initialize network with normal type")
    model, optimizer, train_loader = accelerator.prepare(model, optimizer, train_loader)
    accelerator.print("Network and optimizer ready...")
    return model, optimizer, train_loader, val_loader


def first_samples(dataset: Any, device: torch.device, count: int = 8) -> Any:
    """Return a batch of a dataset's first samples, such as pictures for TensorBoard."""
    samples = [dataset[index] for index in range(min(count, len(dataset)))]
    return send_to_device(default_collate(samples), device)


def build_scheduler(
    optimizer: Optimizer, steps: int, args: argparse.Namespace, processes: int
) -> LambdaLR:
    """Return a schedule that is stepped after every training step.

    Args:
        optimizer: Its learning rate is scaled.
        steps: Steps per epoch.
        args: `lr_schedule`: `step` (times `lr_decay` after each epoch), `cosine` (to 0 at the end
            of `num_epochs`) or `constant`; `warmup_steps`: steps of linear increase at the start;
            `scale_lr`: multiply the rate by the number of processes.
        processes: That train together.
    """
    scale = processes if args.scale_lr else 1

    def factor(step: int) -> float:
        rise = scale * min(1.0, (step + 1) / (args.warmup_steps + 1))
        if args.lr_schedule == "cosine":
            done = min(1.0, step / (steps * args.num_epochs))
            return rise * 0.5 * (1 + math.cos(math.pi * done))
        return rise * (args.lr_decay ** (step // steps) if args.lr_schedule == "step" else 1.0)

    return LambdaLR(optimizer, factor)


def train_one_epoch(
    model: nn.Module,
    loader: Any,
    losses: Losses,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    accelerator: Accelerator,
    epoch: int,
    title: str,
) -> Means:
    """Train on every batch once and return the means of the losses over all processes.

    Args:
        model: Set to training mode.
        loader: From `prepare`.
        losses: Returns the losses of a batch.
        optimizer: Of the model's parameters.
        scheduler: From `build_scheduler`.
        accelerator: From `start_process`.
        epoch: Counted from 0; it decides the order and the crops of the samples.
        title: Stands before the progress bar of the main process; no bar is shown if it is empty.

    Raises:
        NonFiniteLossError: before the step that would have spoiled the weights.
    """
    model.train()
    loader.set_epoch(epoch)
    loader.dataset.start_epoch(epoch)
    sums: Means = {}
    bar = tqdm(loader, desc=title, disable=not (title and accelerator.is_main_process))
    for step, batch in enumerate(bar):
        found = losses(batch)
        values = _floats(found)
        _stop_if_not_finite(values, f"epoch {epoch + 1}, step {step + 1}")
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(found["loss"])
        optimizer.step()
        lr = scheduler.get_last_lr()[0]
        scheduler.step()
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        bar.set_postfix({**values, "lr": lr})  # to three digits
    means = torch.tensor(list(sums.values()), device=accelerator.device) / len(loader)
    reduced = accelerator.reduce(means, reduction="mean").tolist()
    return dict(zip(sums, reduced, strict=True))


@torch.no_grad()
def validate(
    model: nn.Module,
    loader: DataLoader[Any] | None,
    losses: Losses,
    accelerator: Accelerator,
    epoch: int,
) -> Means:
    """Return the means of the losses over the validation set, or nothing if there is no set.

    Each sample counts once, so that the means do not depend on the number of processes nor, except
    for rounding, on the batch size. The processes have shares of different lengths, so the network
    must not have buffers, which they would have to exchange in every step.

    Args:
        model: Set to evaluation mode.
        loader: From `prepare`.
        losses: Returns the losses of a batch.
        accelerator: From `start_process`.
        epoch: Counted from 0, for messages.

    Raises:
        NonFiniteLossError: a mean is NaN or infinite.
    """
    if loader is None:
        return {}
    model.eval()
    sums: Means = {}
    count = 0
    for batch in loader:
        size = find_batch_size(batch)
        values = _floats(losses(send_to_device(batch, accelerator.device)))
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + size * value
        count += size
    shares = gather_object([(sums, count)])  # of every process; the first has samples
    total = sum(size for _, size in shares)
    means = {name: sum(part.get(name, 0.0) for part, _ in shares) / total for name in shares[0][0]}
    _stop_if_not_finite(means, f"the validation of epoch {epoch + 1}")
    return means


def _floats(losses: Mapping[str, Tensor]) -> Means:
    """Return the losses as numbers, fetched from the device in one transfer."""
    values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


def _stop_if_not_finite(values: Means, where: str) -> None:
    if all(math.isfinite(value) for value in values.values()):
        return
    terms = ", ".join(f"{name} = {value}" for name, value in values.items())
    raise NonFiniteLossError(
        f"the loss is not finite in {where}: {terms}; lower --lr, or look for broken images "
        "(the last checkpoint is sound)"
    )
