"""Tasks that are learned one after the other by one network."""

import argparse
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from utils.util_dataset import PatchDataset
from utils.util_ewc import ElasticWeights
from utils.util_loss import similarity_loss
from utils.vgg import InformationMeasure

MEASURED_AT_ONCE = 4  # patches, whatever the batch size
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """A kind of pair.

    Attributes:
        name: `ivif`, `mef` or `mff`.
        c: Constant that divides the information of the sources (`utils.vgg`).
        train_set: Patches to train on.
        val_set: Patches to validate on, or None.
    """

    name: str
    c: float
    train_set: PatchDataset
    val_set: PatchDataset | None


class TaskLosses:
    """The losses of the samples of every task, and the penalty for forgetting earlier tasks.

    Args:
        args: With `ssim_weight`, `mse_weight`, `ewc_lambda`, `batch_size` and `output`.
        accelerator: Sets device and precision.
        measure: Measures the information of sources.
        memory: What is known of the finished tasks.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        accelerator: Accelerator,
        measure: InformationMeasure,
        memory: ElasticWeights,
    ) -> None:
        self.args = args
        self.accelerator = accelerator
        self.measure = measure
        self.memory = memory

    def weights(self, task: Task, batch: Batch) -> Tensor:
        """Return omega of the sources of a batch, (B, 2), measured unless the batch has it."""
        if "weights" in batch:
            return batch["weights"]
        with self.accelerator.autocast():
            return self.measure(batch["sources"], task.c)

    def similarity(self, task: Task, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a task alone."""
        sources = batch["sources"]
        weights = self.weights(task, batch)
        return similarity_loss(
            sources, model(sources), weights, self.args.ssim_weight, self.args.mse_weight
        )

    def total(self, task: Task, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a task, with the penalty if other tasks were learned before."""
        losses = self.similarity(task, model, batch)
        if self.memory.finished:
            kept = self.memory.loss(self.accelerator.unwrap_model(model))
            losses["loss"] = losses["loss"] + self.args.ewc_lambda * kept
            losses["ewc_loss"] = kept
        return losses

    def pictures(self, task: Task, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return sources, their weighted mean and the result, for TensorBoard."""
        sources = batch["sources"]
        weights = self.weights(task, batch)[..., None, None]
        return {
            "first": sources[:, :1],
            "second": sources[:, 1:],
            "reference": (weights * sources).sum(dim=1, keepdim=True),
            "fused": model(sources),
        }

    def measure_once(self, task: Task) -> None:
        """Measure the patches that stay the same, unless they have been measured.

        Every process must call it.
        """
        for dataset in (task.train_set, task.val_set):
            if dataset is not None and dataset.fixed and dataset.weights is None:
                dataset.weights = self._measure(task, dataset)

    def _measure(self, task: Task, dataset: PatchDataset) -> Tensor:
        """Return omega of every patch, (len, 2), the same whatever the number of processes."""
        device, rank = self.accelerator.device, self.accelerator.process_index
        found = torch.zeros(len(dataset), 2, device=device)
        firsts = range(0, len(dataset), MEASURED_AT_ONCE)[rank :: self.accelerator.num_processes]
        shown = self.args.output and self.accelerator.is_main_process
        for first in tqdm(firsts, f"Measuring {task.name}", disable=not shown):
            rows = range(len(dataset))[first : first + MEASURED_AT_ONCE]
            sources = torch.stack([dataset.patch(index) for index in rows]).to(device)
            found[first : rows.stop] = self.weights(task, {"sources": sources})
        return self.accelerator.reduce(found, reduction="sum").cpu()  # others left their rows 0

    def _moved(self, batch: Batch) -> Batch:
        return {name: value.to(self.accelerator.device) for name, value in batch.items()}

    def fisher_samples(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Batch]]:
        """Yield `--fisher_samples` samples of each task, batches of one."""
        for task in tasks:
            self.measure_once(task)
            task.train_set.start_epoch(0)  # the same in a run that went on
            rng = random.Random(f"{self.args.seed} {task.name}")
            count = min(self.args.fisher_samples, len(task.train_set))
            chosen = rng.sample(range(len(task.train_set)), count)
            for batch in DataLoader(Subset(task.train_set, chosen)):
                yield task, self._moved(batch)

    def fisher_loss(self, model: nn.Module, sample: tuple[Task, Batch]) -> Tensor:
        """Return the loss of a sample of its own task."""
        return self.similarity(sample[0], model, sample[1])["loss"]

    @torch.no_grad()
    def validate(self, model: nn.Module, tasks: Sequence[Task]) -> dict[str, float]:
        """Return the mean loss over the validation patches of each task, without the penalty."""
        found = {}
        for task in tasks:
            if task.val_set is None:
                continue
            self.measure_once(task)
            sums = 0.0
            for batch in DataLoader(task.val_set, self.args.batch_size):
                loss = self.similarity(task, model, self._moved(batch))["loss"]
                sums += float(loss) * len(batch["sources"])
            found[task.name] = sums / len(task.val_set)
        return found
