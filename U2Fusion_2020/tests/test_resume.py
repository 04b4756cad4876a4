"""A run that is stopped goes on as if nothing had happened, in whatever task it was."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.conftest import Call
from tests.helpers import (
    copy_method,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import put_set, quick
from utils.util_ewc import ElasticWeights
from utils.util_tasks import TaskLosses

BEST = "checkpoints/best.safetensors"
LAST = "checkpoints/last.pth"


def sets_in(folder: Path, *tasks: str, **kind: object) -> list[str]:
    """Make a set for each task and return the flags that name them."""
    flags = [(f"--{task}_path", str(put_set(folder / task, task, **kind))) for task in tasks]
    return ["--tasks", *tasks, *(word for pair in flags for word in pair)]


# The run of each training as it is when nothing stops it, once a test has had to know it.
WHOLE: dict[str, Path] = {}


def whole_run(name: str, train: Call, folder: Path, flags: Sequence[object]) -> Path:
    """Train without a stop, once for all tests, and return the run."""
    if name not in WHOLE:
        assert train(*flags).status == 0
        [run] = runs_of(folder)
        WHOLE[name] = run.rename(folder / "whole")
    return WHOLE[name]


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int | None, task: int | None) -> None:
    """Interrupt a training before one of its steps, or when a task of it is finished."""
    counts = {"step": 0, "task": 0}
    total, finish = TaskLosses.total, ElasticWeights.finish_task

    def stopping_total(*args: object) -> object:
        counts["step"] += torch.is_grad_enabled()
        if torch.is_grad_enabled() and counts["step"] == step:
            raise KeyboardInterrupt
        return total(*args)

    def stopping_finish(*args: object) -> object:
        counts["task"] += 1
        if counts["task"] == task:
            raise KeyboardInterrupt
        return finish(*args)

    monkeypatch.setattr(TaskLosses, "total", stopping_total)
    monkeypatch.setattr(ElasticWeights, "finish_task", stopping_finish)


@pytest.fixture(scope="module")
def two_tasks(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Flags of two tasks of two epochs, each of two steps."""
    sets = sets_in(tmp_path_factory.mktemp("sets"), "ivif", "mef")
    return (*sets, *quick(), "--num_epochs", 2, "--fisher_samples", 2, "--augment")


@pytest.mark.xdist_group("two tasks")  # they share a run
@pytest.mark.parametrize(
    ("step", "task", "next_epoch", "finished"),
    [
        (None, 1, 2, 0),  # between the tasks: the second one has not begun
        (5, None, 2, 1),  # before its first step
        (8, None, 3, 1),  # in its second epoch
    ],
)
def test_stopped_between_or_amid_tasks(
    tmp_path: Path,
    train: Call,
    monkeypatch: pytest.MonkeyPatch,
    two_tasks: tuple[object, ...],
    step: int | None,
    task: int | None,
    next_epoch: int,
    finished: int,
) -> None:
    whole = whole_run("amid tasks", train, tmp_path, two_tasks)
    with monkeypatch.context() as patched:
        stop_at(patched, step, task)
        assert train(*two_tasks).status == 130
    [run] = runs_of(tmp_path)
    last = torch.load(run / LAST, weights_only=True)
    assert (last["next_epoch"], last["extra_state"]["finished"]) == (next_epoch, finished)
    outcome = train(*two_tasks, "--resume_path", run)
    assert outcome.status == 0, outcome.err
    assert ("Nothing to do: 2 epochs are done" in outcome.out) == (finished == 0)
    assert ("Task 1 of 2: ivif" in outcome.out) == (finished == 0)
    assert runs_of(tmp_path) == [run]
    assert same_weights(weights_of(run), weights_of(whole))
    assert len(scalars(run, "loss/train")) == 4
    assert re.search(r"Loss after mef: ivif \d.*, mef \d", outcome.out)


@pytest.mark.parametrize("others", [(), ("--fresh_patches",), ("--val_fraction", 0)])
def test_stopped_amid_the_second_of_three_tasks(
    tmp_path: Path, train: Call, monkeypatch: pytest.MonkeyPatch, others: tuple[object, ...]
) -> None:
    """What the third one is to keep of the first one is measured again, and is the same."""
    flags = (*sets_in(tmp_path / "sets", "ivif", "mef", "mff"), *quick(), "--num_epochs", 1)
    flags = (*flags, "--fisher_samples", 3, *others)
    assert train(*flags).status == 0
    [whole] = runs_of(tmp_path)
    whole = whole.rename(tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_at(patched, 4, None)
        assert train(*flags).status == 130
    [run] = runs_of(tmp_path)
    assert train(*flags, "--resume_path", run).status == 0
    memories = [torch.load(r / LAST, weights_only=True)["extra_state"] for r in (run, whole)]
    for part in ("anchor", "importance"):
        assert same_weights(memories[0][part], memories[1][part]), part
    assert same_weights(weights_of(run), weights_of(whole))


def test_other_tasks_are_no_resumption(tmp_path: Path, train: Call) -> None:
    sets = sets_in(tmp_path / "sets", "ivif", "mef")[3:]
    flags = (*sets, *quick(), "--num_epochs", 1)
    assert train(*flags).status == 0
    [run] = runs_of(tmp_path)
    outcome = train(*flags, "--tasks", "ivif", "mef", "--resume_path", run)
    assert outcome.status == 1
    assert "--tasks ['ivif'] (now ['ivif', 'mef'])" in outcome.err


@pytest.mark.slow
def test_two_processes_are_one_with_the_doubled_batch(tmp_path: Path, train: Call) -> None:
    sets = sets_in(tmp_path / "sets", "ivif", "mef", count=6)
    flags = [*sets, *quick(), "--patches", 8, "--augment", "--val_fraction", 0.34]
    flags += ["--fisher_samples", 2, "--lr", 1e-4, "--num_epochs", 1]
    flags += ["--device", "cpu"]
    assert train(*flags, "--batch_size", 4).status == 0
    [single] = runs_of(tmp_path)

    method = copy_method(tmp_path / "method")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = run_script("run_train.py", *flags, cwd=method, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Device ready: cpu\S*, processes: 2$", done.stdout, re.M)) == 1
    assert done.stdout.count("Finished Training") == 2  # once a task
    assert done.stdout.count("Loss after mef: ") == 1
    assert re.search(r"Epoch \[2/2\]: 100%\|.*\| 2/2 ", done.stderr)  # 8 patches, 2 ranks of 2
    [run] = runs_of(method)
    assert len(list((run / "logs").iterdir())) == 2  # one writer a task

    for name in ("loss/train", "loss/val", "pixel_loss/train", "ewc_loss/val"):
        assert scalars(run, name) == pytest.approx(scalars(single, name), rel=1e-3), name
    for name, value in weights_of(single).items():
        off = (weights_of(run)[name] - value).abs() > 2e-5 + 1e-3 * value.abs()
        assert off.float().mean() <= 1e-4  # none, but where Adam follows the sign of nearly nothing
