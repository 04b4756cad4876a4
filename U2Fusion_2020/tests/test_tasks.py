"""The losses of tasks: per sample, measured once where that is enough, and of forgetting."""

import argparse
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from models.DenseNet import DenseNet
from tests.helpers import put_photos
from tests.method import stand_in
from tests.scenes import put_scenes
from utils.util_dataset import PatchDataset, find_task_scenes
from utils.util_ewc import ElasticWeights
from utils.util_tasks import Task, TaskLosses
from utils.vgg import InformationMeasure

SETTINGS = {
    "ssim_weight": 1.0,
    "mse_weight": 20.0,
    "ewc_lambda": 1e3,
    "fisher_samples": 3,
    "batch_size": 2,
    "seed": 0,
    "output": False,
}


@pytest.fixture
def losses() -> TaskLosses:
    AcceleratorState._reset_state(reset_partial_state=True)
    measure = InformationMeasure.load(stand_in())
    args = argparse.Namespace(**SETTINGS)
    return TaskLosses(args, Accelerator(cpu=True), measure, ElasticWeights(torch.device("cpu")))


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    put_scenes(tmp_path / "mef", 5)
    put_photos(tmp_path / "mff", 5, (33, 47))
    found = []
    for name, c in (("mef", 3500.0), ("mff", 100.0)):
        scenes = find_task_scenes(name, [tmp_path / name])
        sets = (PatchDataset(scenes[:4], 16), PatchDataset(scenes[4:], 16, 3, fixed=True))
        found.append(Task(name, c, *sets))
    return found


def batch_of(dataset: PatchDataset) -> dict[str, torch.Tensor]:
    return {"sources": torch.stack([dataset[i]["sources"] for i in range(len(dataset))])}


def gradients(losses: TaskLosses, task: Task, model: DenseNet, batch: dict) -> list[torch.Tensor]:
    loss = losses.total(task, model, batch)["loss"]
    return list(torch.autograd.grad(loss, list(model.parameters())))


def test_a_batch_is_the_mean_of_its_samples(losses: TaskLosses, tasks: list[Task]) -> None:
    task, model = tasks[0], DenseNet().double()
    batch = batch_of(task.train_set)
    weights = losses.weights(task, batch)
    alone = [losses.weights(task, {"sources": source[None]}) for source in batch["sources"]]
    torch.testing.assert_close(weights, torch.cat(alone), atol=1e-4, rtol=0)
    assert weights[:, 0].std() > 1e-3  # each has its own
    batch = {"sources": batch["sources"].double(), "weights": weights.double()}
    each = [{name: value[n : n + 1] for name, value in batch.items()} for n in range(4)]
    total = losses.total(task, model, batch)["loss"]
    singles = torch.stack([losses.total(task, model, one)["loss"] for one in each])
    torch.testing.assert_close(total, singles.mean())
    assert singles.std() > 1e-3
    together = gradients(losses, task, model, batch)
    apart = [gradients(losses, task, model, one) for one in each]
    for value, *others in zip(together, *apart, strict=True):
        mean = torch.stack(others).mean(dim=0)
        assert (value - mean).abs().max() <= 1e-6 * mean.abs().max()


def test_no_gradient_through_the_weights(losses: TaskLosses, tasks: list[Task]) -> None:
    batch = batch_of(tasks[0].train_set)
    batch["sources"].requires_grad_()
    assert not losses.weights(tasks[0], batch).requires_grad


def test_each_task_has_its_c(losses: TaskLosses, tasks: list[Task]) -> None:
    batch = batch_of(tasks[0].train_set)
    for task in tasks:
        expected = losses.measure(batch["sources"], task.c)
        torch.testing.assert_close(losses.weights(task, batch), expected)
    spread = [losses.weights(task, batch)[:, 0].sub(0.5).abs().mean() for task in tasks]
    assert spread[1] > spread[0]  # the smaller c decides more sharply


def test_what_stays_the_same_is_measured_once(losses: TaskLosses, tasks: list[Task]) -> None:
    task = tasks[0]
    losses.measure_once(task)
    assert task.train_set.weights is None  # other patches every epoch
    expected = losses.weights(task, batch_of(task.val_set))
    torch.testing.assert_close(task.val_set.weights, expected, atol=1e-4, rtol=0)
    sample = task.val_set[1]
    assert torch.equal(sample["weights"], task.val_set.weights[1])
    batch = {name: value[None] for name, value in sample.items()}
    assert torch.equal(losses.weights(task, batch), sample["weights"][None])
    known = task.val_set.weights
    losses.measure_once(task)
    assert task.val_set.weights is known


def test_measuring_is_the_same_for_any_number_of_processes(
    losses: TaskLosses, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process measures its share, and their sum is what one process measures alone."""
    scenes = tasks[0].train_set.scenes
    names = ("num_processes", "process_index")

    def measured(count: int, rank: int) -> torch.Tensor:
        for name, value in zip(names, (count, rank), strict=True):
            monkeypatch.setattr(Accelerator, name, value)
        monkeypatch.setattr(losses.accelerator, "reduce", lambda found, reduction: found)
        task = Task("mef", 3500.0, PatchDataset(scenes, 16, 13, fixed=True, swap=True), None)
        losses.measure_once(task)
        assert task.train_set.weights is not None
        return task.train_set.weights

    whole = measured(1, 0)
    assert whole.shape == (13, 2)
    torch.testing.assert_close(whole.sum(dim=1), torch.ones(13))
    for count in (2, 3, 7):  # more than there is to do for
        shares = torch.stack([measured(count, rank) for rank in range(count)])
        assert (shares.count_nonzero(dim=0) == 1).all()
        assert torch.equal(shares.sum(dim=0), whole)


def test_fisher_samples_of_fixed_patches_are_measured(
    losses: TaskLosses, tasks: list[Task]
) -> None:
    scenes = tasks[0].train_set.scenes
    task = Task("mef", 3500.0, PatchDataset(scenes, 16, 5, fixed=True), None)
    for _, batch in losses.fisher_samples([task]):
        expected = losses.measure(batch["sources"], 3500.0)
        torch.testing.assert_close(batch["weights"], expected, atol=1e-4, rtol=0)


def test_validation_is_the_mean_over_samples(losses: TaskLosses, tasks: list[Task]) -> None:
    model = DenseNet()
    found = losses.validate(model, tasks)
    assert list(found) == ["mef", "mff"]
    for task in tasks:
        batch = batch_of(task.val_set)  # three of them, in batches of two
        expected = losses.similarity(task, model, batch)["loss"]
        assert found[task.name] == pytest.approx(expected.item(), rel=1e-4)
    assert losses.validate(model, [Task("mef", 1.0, tasks[0].train_set, None)]) == {}


def test_forgetting_is_added_after_the_first_task(losses: TaskLosses, tasks: list[Task]) -> None:
    model, batch = DenseNet(), batch_of(tasks[1].train_set)
    assert "ewc_loss" not in losses.total(tasks[1], model, batch)
    samples = losses.fisher_samples(tasks[:1])
    losses.memory.finish_task(model, 1, samples, losses.fisher_loss)
    with torch.no_grad():
        model.conv1.weight += 0.01
    found = losses.total(tasks[1], model, batch)
    alone = losses.similarity(tasks[1], model, batch)["loss"]
    assert found["ewc_loss"] > 0
    torch.testing.assert_close(found["loss"], alone + 1e3 * found["ewc_loss"])


def test_samples_of_finished_tasks(losses: TaskLosses, tasks: list[Task]) -> None:
    first = [(task.name, batch["sources"]) for task, batch in losses.fisher_samples(tasks)]
    assert [name for name, _ in first] == ["mef"] * 3 + ["mff"] * 3
    assert all(sources.shape == (1, 2, 16, 16) for _, sources in first)
    for task in tasks:
        task.train_set.start_epoch(5)  # a run that went on has seen other epochs
    again = [batch["sources"] for _, batch in losses.fisher_samples(tasks)]
    assert all(torch.equal(a, b) for (_, a), b in zip(first, again, strict=True))
    losses.args.fisher_samples = 99
    assert len(list(losses.fisher_samples(tasks))) == 8  # all there are
