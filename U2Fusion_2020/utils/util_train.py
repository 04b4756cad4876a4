# From common_code/training/utils/util_train.py; edit it there, then tools/sync.py.
"""The training loop: epochs, validation, checkpoints, TensorBoard.

What a method trains on and minimises comes in as two functions of its own: `compute_losses`
turns a model and a batch into named scalars, of which `loss` is minimised; `make_pictures` turns
them into image grids for TensorBoard.
"""

import argparse
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, find_batch_size, gather_object, send_to_device
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset, Subset
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import make_grid
from tqdm import tqdm

from utils.common.checkpoint import (
    BEST_WEIGHTS,
    LAST,
    random_states,
    restore_random_states,
    save_checkpoint,
    save_weights,
)
from utils.common.training_flags import PRECISIONS
from utils.utils import InputError

Losses = Callable[[nn.Module, Any], dict[str, Tensor]]
Pictures = Callable[[nn.Module, Any], dict[str, Tensor]]


class Stateful(Protocol):
    """What a method keeps besides network and optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain types."""

    def load_state_dict(self, state: Mapping[str, Any]) -> object:
        """Undo `state_dict`."""


class NonFiniteLossError(InputError):
    """A loss became NaN or infinite; training stops before the weights do."""


@dataclass
class Training:
    """Everything that one run trains with, and how far it has come."""

    accelerator: Accelerator
    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    train_loader: Any  # a DataLoader that accelerate has prepared,
    val_loader: Any
    compute_losses: Losses
    make_pictures: Pictures
    num_epochs: int
    arguments: dict[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)  # goes into the exported weights
    next_epoch: int = 0
    best_loss: float = math.inf
    keeps: Stateful | None = None  # goes into the checkpoints too
    show_progress: bool = True
    run: Path | None = None  # of the main process, the only one that writes
    example: Any = None  # the last batch, for pictures


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators, and ask for repeatable kernels."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def build_accelerator(device: torch.device, precision: str, seed: int) -> Accelerator:
    """Return the accelerator for one process, or for the one that a launcher started.

    Args:
        device: From `resolve_device`. Under `torchrun` each process takes the GPU of its rank.
        precision: `fp32`, `bf16` or `fp16`.
        seed: Seeds the order of the samples, together with the epoch.

    Raises:
        InputError: `accelerate launch` was asked for several processes and started one.
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


def build_scheduler(optimizer: Optimizer, steps: int, args: argparse.Namespace) -> LambdaLR:
    """Return a schedule that is stepped after every training step.

    Args:
        optimizer: Its learning rate is scaled.
        steps: Steps an epoch.
        args: `lr_schedule`: `step` (times `lr_decay` after each epoch), `cosine` (to 0 at the end
            of `num_epochs`) or `constant`; `warmup_steps`: steps of linear increase at the start.
    """

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (args.warmup_steps + 1))
        if args.lr_schedule == "cosine":
            done = min(1.0, step / (steps * args.num_epochs))
            return rise * 0.5 * (1 + math.cos(math.pi * done))
        return rise * (args.lr_decay ** (step // steps) if args.lr_schedule == "step" else 1.0)

    return LambdaLR(optimizer, factor)


def train_one_epoch(training: Training, epoch: int) -> dict[str, float]:
    """Train on every batch once and return the means of the losses over all processes.

    Raises:
        NonFiniteLossError: before the step that would have spoiled the weights.
    """
    t = training
    t.model.train()
    sums: dict[str, float] = {}
    bar = tqdm(
        t.train_loader,
        desc=f"Epoch [{epoch + 1}/{t.num_epochs}]",
        disable=not (t.show_progress and t.accelerator.is_main_process),
    )
    for step, batch in enumerate(bar):
        t.example = batch
        losses = t.compute_losses(t.model, batch)
        values = _floats(losses)
        _stop_if_not_finite(values, f"epoch {epoch + 1}, step {step + 1}")
        t.optimizer.zero_grad(set_to_none=True)
        t.accelerator.backward(losses["loss"])
        t.optimizer.step()
        lr = t.scheduler.get_last_lr()[0]
        t.scheduler.step()
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        bar.set_postfix({**values, "lr": lr})  # to three digits
    return _mean_over_processes(t.accelerator, sums, len(t.train_loader))


def validation_loader(
    accelerator: Accelerator, val_set: Dataset[Any], batch_size: int
) -> DataLoader[Any]:
    """Return this process's share of the validation set; no sample is in two shares."""
    own = range(accelerator.process_index, len(val_set), accelerator.num_processes)  # type: ignore[arg-type]
    return DataLoader(Subset(val_set, own), batch_size)


@torch.no_grad()
def validate(training: Training) -> dict[str, float]:
    """Return the means of the losses over the validation set, empty without one.

    Each sample counts once, so that the means depend neither on the number of processes nor, but
    for rounding, on the batch size.
    """
    t = training
    if t.val_loader is None:
        return {}
    model = t.accelerator.unwrap_model(t.model).eval()
    sums: dict[str, float] = {}
    count = 0
    for batch in t.val_loader:
        t.example = send_to_device(batch, t.accelerator.device)
        size = find_batch_size(batch)
        for name, value in _floats(t.compute_losses(model, t.example)).items():
            sums[name] = sums.get(name, 0.0) + size * value
        count += size
    shares = gather_object([(sums, count)])  # of every process; the first has samples
    total = sum(size for _, size in shares)
    return {name: sum(part.get(name, 0.0) for part, _ in shares) / total for name in shares[0][0]}


def fit(training: Training) -> float:
    """Train until `num_epochs`, keep checkpoints, and return the best loss.

    `last.pth` is written before the first epoch and after each one, so that a run that is
    stopped at any moment goes on from the start of the epoch it was in.
    """
    t = training
    start = time.monotonic()
    writer = SummaryWriter(t.run / "logs") if t.run else None
    if t.next_epoch >= t.num_epochs:
        t.accelerator.print(f"Nothing to do: {t.next_epoch} epochs are done (--num_epochs)")
    if t.run:
        save_checkpoint(t.run / "checkpoints" / LAST, state_of(t))
    try:
        for epoch in range(t.next_epoch, t.num_epochs):
            set_epoch(t.train_loader, epoch)
            lr = float(t.scheduler.get_last_lr()[0])
            trained = train_one_epoch(t, epoch)
            validated = validate(t)
            _stop_if_not_finite(validated, f"the validation of epoch {epoch + 1}")
            t.next_epoch = epoch + 1
            if t.run and writer:
                _log(t, writer, {"train": trained, "val": validated}, lr)
                _save(t, t.run / "checkpoints", (validated or trained)["loss"])
    except KeyboardInterrupt:
        t.accelerator.print(f"\nStopped. Go on with --resume_path {t.run}")
        raise
    finally:
        if writer:
            writer.close()
    t.accelerator.print("Finished Training")
    t.accelerator.print(f"Training time: {time.monotonic() - start:.2f} seconds")
    best = "Best val loss" if t.val_loader else "Best loss"
    t.accelerator.print(f"{best}: {t.best_loss:.6f}")
    return t.best_loss


def set_epoch(loader: Any, epoch: int) -> None:
    """Choose the order and the crops of an epoch."""
    loader.set_epoch(epoch)
    loader.dataset.start_epoch(epoch)


def state_of(training: Training) -> dict[str, Any]:
    """Return what a run needs to go on as if it had never stopped."""
    t = training
    kept = {"keeps": t.keeps.state_dict()} if t.keeps else {}
    return {
        "model": t.accelerator.unwrap_model(t.model).state_dict(),
        "optimizer": t.optimizer.state_dict(),
        "scheduler": t.scheduler.state_dict(),
        "next_epoch": t.next_epoch,
        "steps_per_epoch": len(t.train_loader),
        "best_loss": t.best_loss,
        "random_states": random_states(),
        "arguments": t.arguments,
        **kept,
    }


def restore(training: Training, state: Mapping[str, Any]) -> None:
    """Put a run's checkpoint back: the inverse of `state_of`.

    Raises:
        InputError: another number of processes makes another number of steps, which would bend
            the schedule of the learning rate.
    """
    t = training
    steps, now = state.get("steps_per_epoch", len(t.train_loader)), len(t.train_loader)
    fixed = t.arguments.get("lr_schedule") == "constant" and not t.arguments.get("warmup_steps")
    if steps != now and not fixed:
        raise InputError(
            f"--resume_path goes on with a run of {steps} steps per epoch, and now there are "
            f"{now}, with {t.accelerator.num_processes} processes; its learning rate follows the "
            "steps: start as many processes as before"
        )
    t.accelerator.unwrap_model(t.model).load_state_dict(state["model"])
    t.optimizer.load_state_dict(state["optimizer"])
    t.scheduler.load_state_dict(state["scheduler"])
    t.next_epoch = state["next_epoch"]
    t.best_loss = state["best_loss"]
    restore_random_states(state["random_states"])
    if t.keeps:
        t.keeps.load_state_dict(state["keeps"])


def _save(t: Training, folder: Path, loss: float) -> None:
    better = loss < t.best_loss
    t.best_loss = min(loss, t.best_loss)
    state = state_of(t)
    if better:
        save_checkpoint(folder / f"epoch{t.next_epoch:03d}-loss{loss:.3f}.pth", state)
        about = {**t.about, "epoch": str(t.next_epoch), "loss": f"{loss:.6g}"}
        save_weights(folder / BEST_WEIGHTS, t.accelerator.unwrap_model(t.model), about)
    save_checkpoint(folder / LAST, state)


def _log(t: Training, writer: SummaryWriter, means: dict[str, dict[str, float]], lr: float) -> None:
    for part, losses in means.items():
        for name, value in losses.items():
            writer.add_scalar(f"{name}/{part}", value, t.next_epoch)
    writer.add_scalar("lr", lr, t.next_epoch)
    with torch.no_grad():
        pictures = t.make_pictures(t.accelerator.unwrap_model(t.model).eval(), t.example)
    for name, images in pictures.items():
        writer.add_image(name, make_grid(images[:8].float().clamp(0, 1)), t.next_epoch)


def _floats(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the losses as numbers, fetched from the device at once."""
    values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


def _stop_if_not_finite(values: Mapping[str, float], where: str) -> None:
    if all(math.isfinite(value) for value in values.values()):
        return
    terms = ", ".join(f"{name} = {value}" for name, value in values.items())
    raise NonFiniteLossError(
        f"the loss is not finite in {where}: {terms}; lower --lr, or look for broken images "
        "(the last checkpoint is sound)"
    )


def _mean_over_processes(
    accelerator: Accelerator, sums: Mapping[str, float], steps: int
) -> dict[str, float]:
    means = torch.tensor(list(sums.values()), device=accelerator.device) / steps
    reduced = accelerator.reduce(means, reduction="mean").tolist()
    return dict(zip(sums, reduced, strict=True))
