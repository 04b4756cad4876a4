# From common_code/training/utils/common/resume.py; edit it there, then tools/sync.py.
"""Begin a run or go on with one: its state, its checkpoints and its logs."""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import make_grid

from utils.common.checkpoint import (
    BEST_WEIGHTS,
    LAST,
    is_run_checkpoint,
    load_checkpoint,
    random_states,
    restore_random_states,
    save_checkpoint,
    save_weights,
)
from utils.common.checkpoint_check import arguments_of, check_checkpoint
from utils.common.run_folder import check_same_settings, git_revision, open_run, plain_arguments
from utils.utils import InputError

LoadInto = Callable[[Any, Mapping[str, Any], Path], str]
Pictures = Callable[[], Mapping[str, Tensor]]


class Stateful(Protocol):
    """What a method remembers besides network and optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain types."""

    def load_state_dict(self, state: Mapping[str, Any]) -> object:
        """Take over what `state_dict` returned."""


@dataclass
class RunState:
    """What a checkpoint holds of a run, besides its settings and the random states.

    Attributes:
        model: The network, as `prepare` returns it.
        optimizer: Adam, as `prepare` returns it.
        scheduler: Of its learning rate.
        steps_per_epoch: Of each process; the scheduler counts in steps.
        extra_state: What the method remembers besides these.
        next_epoch: The first epoch that is not done yet, counted from 0.
        best_loss: The smallest loss of an epoch.
    """

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    steps_per_epoch: int
    extra_state: Stateful | None = None
    next_epoch: int = 0
    best_loss: float = math.inf

    @property
    def network(self) -> nn.Module:
        """The network without what several processes wrap it in."""
        return extract_model_from_parallel(self.model)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on as if it had never stopped, but its settings."""
        extra = {"extra_state": self.extra_state.state_dict()} if self.extra_state else {}
        return {
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "next_epoch": self.next_epoch,
            "steps_per_epoch": self.steps_per_epoch,
            "best_loss": self.best_loss,
            "random_states": random_states(),
            **extra,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.next_epoch = state["next_epoch"]
        self.best_loss = state["best_loss"]
        restore_random_states(state["random_states"])
        if self.extra_state:
            self.extra_state.load_state_dict(state["extra_state"])


class Run:
    """A run's state, and the folder that its logs and checkpoints are written to.

    Args:
        state: What checkpoints hold.
        folder: None except in the main process, which alone writes.
        args: The settings.
        about: What the exported weights say of themselves, besides revision and seed.
    """

    def __init__(
        self,
        state: RunState,
        folder: Path | None,
        args: argparse.Namespace,
        about: Mapping[str, str],
    ) -> None:
        self.state = state
        self.folder = folder
        self.args = args
        self.about = {**about, "git_revision": git_revision(), "seed": str(args.seed)}
        self._writer = SummaryWriter(folder / "logs") if folder else None

    def log(
        self,
        epoch: int,
        trained: Mapping[str, float],
        validated: Mapping[str, float],
        lr: float | Tensor,
        pictures: Pictures,
    ) -> None:
        """Write an epoch's losses, its learning rate and some pictures for TensorBoard.

        Args:
            epoch: Counted from 0.
            trained: Means of the losses over the samples that were trained on.
            validated: Means over the validation set, if there is one.
            lr: Learning rate at the start of the epoch.
            pictures: Returns images in [0, 1], (B, C, H, W), by name.
        """
        if self._writer is None:
            return
        for part, losses in (("train", trained), ("val", validated)):
            for name, value in losses.items():
                self._writer.add_scalar(f"{name}/{part}", value, epoch + 1)
        self._writer.add_scalar("lr", lr, epoch + 1)
        self.state.network.eval()
        with torch.no_grad():
            for name, images in pictures().items():
                self._writer.add_image(name, make_grid(images[:8].float().clamp(0, 1)), epoch + 1)

    def save(self, epoch: int, loss: float) -> None:
        """Write an epoch's checkpoint, and once more under its own name if its loss is the best.

        Args:
            epoch: The one that is done, counted from 0.
            loss: Of its validation, or of its training without a validation set.
        """
        better = loss < self.state.best_loss
        self.state.next_epoch, self.state.best_loss = epoch + 1, min(loss, self.state.best_loss)
        if self.folder and better:
            folder = self.folder / "checkpoints"
            save_checkpoint(folder / f"epoch{epoch + 1:03d}-loss{loss:.3f}.pth", self._checkpoint())
            about = {**self.about, "epoch": str(epoch + 1), "loss": f"{loss:.6g}"}
            save_weights(folder / BEST_WEIGHTS, self.state.network, about)
        self.save_last()

    def save_last(self) -> None:
        """Write the checkpoint that the run goes on from."""
        if self.folder:
            save_checkpoint(self.folder / "checkpoints" / LAST, self._checkpoint())

    def close(self) -> None:
        """Finish writing the logs."""
        if self._writer:
            self._writer.close()

    def _checkpoint(self) -> dict[str, Any]:
        return {**self.state.state_dict(), "arguments": plain_arguments(self.args)}


@contextmanager
def open_or_resume(
    args: argparse.Namespace,
    state: RunState,
    load_into: LoadInto,
    accelerator: Accelerator,
    root: Path,
    about: Mapping[str, str],
    previous: Run | None = None,
) -> Iterator[Run]:
    """Begin a run in a new folder, or go on with the one that `--resume_path` names.

    `last.pth` is written here and after each epoch, so that a run that is stopped at any moment
    goes on from the start of the epoch that it was in.

    Args:
        args: The settings; those of a run that goes on must be the same as before.
        state: Of freshly made objects; it takes over what the checkpoint holds.
        load_into: Copies weights of any known layout into a network and returns the layout's name.
        accelerator: From `start_process`.
        root: The folder of the runs.
        about: What the exported weights say of themselves, besides revision and seed.
        previous: Go on in the folder of this run, which is done, and read no checkpoint.

    Yields:
        The run, which is to be saved after each epoch.

    Raises:
        InputError: see `resume`.
    """
    start = time.monotonic()
    folder = previous.folder if previous else resume(args, state, load_into, accelerator)
    first_epoch = state.next_epoch
    main = accelerator.is_main_process
    run = Run(state, open_run(folder, root, args) if main else None, args, about)
    run.save_last()
    try:
        yield run
    except KeyboardInterrupt:
        accelerator.print(f"\nStopped. Go on with --resume_path {run.folder}")
        raise
    finally:
        run.close()
    if state.next_epoch == first_epoch:
        accelerator.print(f"Nothing to do: {first_epoch} epochs are done (--num_epochs)")
    accelerator.print("Finished Training")
    accelerator.print(f"Training time: {time.monotonic() - start:.2f} seconds")
    best = "Best val loss" if args.val_fraction else "Best loss"
    accelerator.print(f"{best}: {state.best_loss:.6f}")


def resume(
    args: argparse.Namespace, state: RunState, load_into: LoadInto, accelerator: Accelerator
) -> Path | None:
    """Take over the checkpoint of a run, or weights alone, if `--resume_path` names any.

    Args:
        args: See `open_or_resume`; so are the others.
        state: Takes over what the checkpoint holds.
        load_into: Copies weights into a network.
        accelerator: Prints in one process only.

    Returns:
        The folder of the run to go on with, or None for a new run.

    Raises:
        InputError: other settings than the run's, a damaged checkpoint, or foreign weights.
    """
    if args.resume_path is None:
        return None
    path = find_checkpoint(args.resume_path)
    found = load_checkpoint(path)
    if not is_run_checkpoint(found):
        layout = load_into(state.network, found, path)
        accelerator.print(f"A new run starts from the weights of {path} ({layout})")
        return None
    check_same_settings(args, arguments_of(found, path))
    check_checkpoint(found, state.state_dict(), state.network, path)
    steps, now = found["steps_per_epoch"], state.steps_per_epoch
    varies = args.lr_schedule != "constant" or args.warmup_steps or args.scale_lr
    if steps != now and varies:
        raise InputError(
            f"--resume_path goes on with a run of {steps} steps per epoch, and now there are "
            f"{now}, with {accelerator.num_processes} processes; its learning rate follows the "
            "steps: start as many processes as before"
        )
    state.load_state_dict(found)
    accelerator.print(f"{path} goes on at epoch {state.next_epoch + 1}")
    folder = path.resolve().parent
    return folder.parent if folder.name == "checkpoints" else None


def find_checkpoint(resume_path: Path) -> Path:
    """Return the checkpoint that `--resume_path` means: a file, or the last one of a run folder."""
    return resume_path / "checkpoints" / LAST if resume_path.is_dir() else resume_path


def read_extra_state(resume_path: Path | None) -> Any:
    """Return the extra state of the run that `--resume_path` names, or None if it has none."""
    return load_checkpoint(find_checkpoint(resume_path)).get("extra_state") if resume_path else None
