"""`run_train.py` with several tasks, one after the other."""

import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.conftest import Call
from tests.helpers import runs_of, scalars, weights_of
from tests.method import near_identity, put_set, quick
from utils.vgg import InformationMeasure

TERMS = ("pixel_loss", "ssim_loss")


def once(*words: object) -> tuple[object, ...]:
    """Return the flags of one quick epoch."""
    return (*quick(), "--num_epochs", 1, *words)


@pytest.fixture
def sets(tmp_path: Path) -> tuple[object, ...]:
    """Flags with a set for each task."""
    words: list[object] = []
    for task in ("ivif", "mef", "mff"):
        words += [f"--{task}_path", put_set(tmp_path / task, task, 3)]
    return tuple(words)


def test_tasks_in_sequence(tmp_path: Path, train: Call, sets: tuple[object, ...]) -> None:
    flags = (*quick(), "--tasks", "ivif", "mef", "mff", "--num_epochs", 2)
    outcome = train(*sets, *flags, "--fisher_samples", 2, "--val_fraction", 0.4)
    assert outcome.status == 0, outcome.err
    number = r"\d+\.\d{6}"
    parts = [
        *("Task 1 of 3: ivif", f"Loss after ivif: ivif {number}\n"),
        *("Task 2 of 3: mef", f"Loss after mef: ivif {number}, mef {number}\n"),
        *("Task 3 of 3: mff", f"Loss after mff: ivif {number}, mef {number}, mff {number}\n"),
    ]
    assert re.search("(?s)" + ".*".join(parts), outcome.out), outcome.out
    assert outcome.out.count("TensorBoard ready") == 3
    assert outcome.out.count("Loaded 3 patches (2 to train on, 1 to validate on)") == 3
    epochs = re.findall(r"Epoch \[(\d/\d)\]: 100%", outcome.err)
    assert list(dict.fromkeys(epochs)) == ["1/2", "2/2", "3/4", "4/4", "5/6", "6/6"]
    [run] = runs_of(tmp_path)  # one for all
    assert len(scalars(run, "loss/val")) == 6
    rates = scalars(run, "lr")
    assert rates == pytest.approx([1e-4, 0.9e-4] * 3)  # each task starts afresh
    assert len(scalars(run, "ewc_loss/train")) == 4  # from the second task on
    last = torch.load(run / "checkpoints" / "last.pth", weights_only=True)
    assert last["next_epoch"] == 6
    assert (last["extra_state"]["finished"], last["extra_state"]["epochs"]) == (2, 4)
    with safe_open(run / "checkpoints" / "best.safetensors", "pt") as file:
        assert file.metadata()["tasks"] == "ivif mef mff"
        assert file.metadata()["epoch"] in ("5", "6")  # of the last task


def test_without_validation(train: Call, sets: tuple[object, ...]) -> None:
    flags = once("--tasks", "mff", "ivif", "--fisher_samples", 1, "--val_fraction", 0)
    outcome = train(*sets, *flags)
    assert outcome.status == 0
    for task in ("mff", "ivif"):
        assert f"Loss after {task}: not validated\n" in outcome.out
    assert "Loaded 3 patches (3 to train on, 0 to validate on)" in outcome.out


def test_loss_after_a_task_is_that_of_its_validation(
    tmp_path: Path, train: Call, sets: tuple[object, ...]
) -> None:
    """Of the first task it is the logged one; of the second one that has the loss of forgetting."""
    flags = once("--tasks", "ivif", "mef", "--fisher_samples", 2, "--ewc_lambda", 1e9)
    outcome = train(*sets, *flags)
    assert outcome.status == 0
    [run] = runs_of(tmp_path)
    first, second = re.findall(r"^Loss after .*$", outcome.out, re.M)
    logged, pixel, ssim = (scalars(run, f"{name}/val") for name in ("loss", *TERMS))
    assert float(first.split()[-1]) == pytest.approx(logged[0], abs=1e-5)
    assert float(second.split()[-1]) == pytest.approx(20 * pixel[1] + ssim[1], abs=1e-5)
    assert logged[1] > 20 * pixel[1] + ssim[1] + 0.01


def test_ewc_lambda_reaches_the_loss_and_ties_the_weights(
    tmp_path: Path, train: Call, sets: tuple[object, ...]
) -> None:
    moved = []
    for value in (0, 1e9):
        flags = once("--tasks", "ivif", "mef", "--fisher_samples", 2, "--lr", 3e-4)
        assert train(*sets, *flags, "--ewc_lambda", value, "--patches", 6).status == 0
        run = runs_of(tmp_path)[-1]
        loss, ewc, pixel, ssim = (
            scalars(run, f"{name}/train")[-1] for name in ("loss", "ewc_loss", *TERMS)
        )
        assert ewc > 0  # a number in the log even where it does not count
        assert loss == pytest.approx(20 * pixel + ssim + value * ewc, rel=1e-4)
        memory = torch.load(run / "checkpoints" / "last.pth", weights_only=True)["extra_state"]
        squares = [
            (memory["importance"][name] * (after - memory["anchor"][name]) ** 2).sum()
            for name, after in weights_of(run).items()
        ]
        moved.append(float(sum(squares)))
    assert moved[1] < 0.3 * moved[0]


@pytest.mark.parametrize("task", ["ivif", "mef", "mff"])
def test_c_of_the_task_reaches_the_weights(
    train: Call, sets: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    values = {"ivif": 1e3, "mef": 1e4, "mff": 1e12}
    used: list[float] = []
    weights: list[torch.Tensor] = []
    measure = InformationMeasure.__call__

    def watch(self: InformationMeasure, sources: torch.Tensor, c: float) -> torch.Tensor:
        used.append(c)
        weights.append(measure(self, sources, c))
        return weights[-1]

    monkeypatch.setattr(InformationMeasure, "__call__", watch)
    words = [word for name, c in values.items() for word in (f"--c_{name}", c)]
    assert train(*sets, *once("--tasks", task, *words)).status == 0
    assert set(used) == {values[task]}
    assert ((torch.cat(weights) - 0.5).abs().max() < 1e-3) == (task == "mff")


def test_weights_alone_start_a_new_run(
    tmp_path: Path, train: Call, sets: tuple[object, ...], gray_weights: Path
) -> None:
    flags = once("--lr", 1e-12, "--resume_path", gray_weights, "--tasks", "mef", "mff")
    outcome = train(*sets, *flags, "--fisher_samples", 1)
    assert outcome.status == 0
    line = f"A new run starts from the weights of {gray_weights} (this repository's layout)"
    assert outcome.out.count(line) == 1
    assert "Epoch [1/1]" in outcome.err
    [run] = runs_of(tmp_path)
    for name, value in near_identity().state_dict().items():
        torch.testing.assert_close(weights_of(run)[name], value, atol=1e-9, rtol=0)
