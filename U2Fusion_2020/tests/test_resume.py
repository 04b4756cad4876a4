"""A run that is stopped goes on as if nothing had happened, in whatever task it was."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.conftest import Call
from tests.helpers import (
    copy_method,
    quiet_environment,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import put_set, quick, stand_in
from utils.util_ewc import ElasticWeights
from utils.util_tasks import TaskLosses

BEST = "checkpoints/best.safetensors"
LAST = "checkpoints/last.pth"


def sets_in(folder: Path, *tasks: str, **kind: object) -> list[str]:
    """Make a set for each task and return the flags that name them."""
    flags = [(f"--{task}_path", str(put_set(folder / task, task, **kind))) for task in tasks]
    return ["--tasks", *tasks, *(word for pair in flags for word in pair)]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The flags of two tasks of two epochs each, long enough to be caught in one of them."""
    sets = sets_in(tmp_path_factory.mktemp("data"), "ivif", "mef", size=(50, 44))
    words = "--crop_size 32 --patches 6 --augment --batch_size 2 --num_epochs 2 --fisher_samples 2"
    end = ["--vgg_weights", str(stand_in()), "--device", "cpu"]
    return [*sets, *words.split(), *end]


# The run of each training as it is when nothing stops it, once a test has had to know it.
WHOLE: dict[str, Path] = {}


def whole_run(name: str, train: Call, folder: Path, flags: Sequence[object]) -> Path:
    """Train without a stop, once for all tests, and return the run."""
    if name not in WHOLE:
        assert train(*flags).status == 0
        [run] = runs_of(folder)
        WHOLE[name] = run.rename(folder / "whole")
    return WHOLE[name]


def stop_in_epoch(
    method: Path, arguments: list[str], epoch: bytes, how: signal.Signals
) -> tuple[int, str]:
    """Start a training, send it a signal amid an epoch; return status and output."""
    process = subprocess.Popen(
        [sys.executable, "run_train.py", *arguments],
        cwd=method,
        env=quiet_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    seen = b""
    while chunk := os.read(process.stdout.fileno(), 4096):
        seen += chunk
        if re.search(rb"Epoch \[" + epoch + rb"\]: +[1-8]\d%", seen):
            os.kill(process.pid, how)
            break
    seen += process.stdout.read()
    status = process.wait(60)
    process.stdout.close()
    return status, seen.decode()


@pytest.mark.parametrize(
    ("how", "epoch", "task"), [(signal.SIGINT, "2/2", 0), (signal.SIGKILL, "4/4", 1)]
)
def test_stopped_amid_an_epoch_by_a_signal(
    tmp_path: Path,
    train: Call,
    command: list[str],
    how: signal.Signals,
    epoch: str,
    task: int,
) -> None:
    method = copy_method(tmp_path / "method")
    status, output = stop_in_epoch(method, command, epoch.encode(), how)
    [run] = runs_of(method)
    assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130), output
    assert output.count("Finished Training") == task
    if how == signal.SIGINT:
        assert f"Stopped. Go on with --resume_path {run}" in output
        assert "Traceback" not in output
    last = torch.load(run / LAST, weights_only=True)
    number = int(epoch[0])
    assert last["next_epoch"] == number - 1  # this epoch had begun and not ended
    assert last["extra_state"]["finished"] == task

    done = train(*command, "--resume_path", run)
    assert done.status == 0, done.err
    assert f"goes on at epoch {number}\n" in done.out
    assert f"Epoch [{number - 1}/" not in done.err
    assert ("Task 1 of 2: ivif" in done.out) == (task == 0)
    assert runs_of(method) == [run]  # in place
    whole = whole_run("signal", train, tmp_path, command)
    assert not same_weights(last["model"], weights_of(whole))
    assert same_weights(weights_of(run), weights_of(whole))
    for name in ("loss/train", "loss/val", "ewc_loss/train"):
        assert scalars(run, name) == scalars(whole, name)
    assert (run / BEST).read_bytes()[-4096:] == (whole / BEST).read_bytes()[-4096:]


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


@pytest.mark.parametrize(("workers", "val_fraction"), [(0, 0.25), (2, 0)])
def test_two_and_two_epochs_are_four(
    tmp_path: Path, train: Call, workers: int, val_fraction: float
) -> None:
    data = put_set(tmp_path / "pairs", count=5)
    flags = ("--image_path", data, *quick(), "--augment", "--val_fraction", val_fraction)
    assert train(*flags, "--num_epochs", 4).status == 0  # without workers
    [whole] = runs_of(tmp_path)
    whole = whole.rename(tmp_path / "whole")
    flags = (*flags, "--num_workers", workers)
    assert train(*flags, "--num_epochs", 2).status == 0
    [run] = runs_of(tmp_path)
    assert train(*flags, "--num_epochs", 4, "--resume_path", run).status == 0
    assert runs_of(tmp_path) == [run]
    assert same_weights(weights_of(run), weights_of(whole))
    assert scalars(run, "loss/train") == scalars(whole, "loss/train")


def test_finished_and_changed_runs(tmp_path: Path, train: Call) -> None:
    flags = ("--image_path", put_set(tmp_path / "pairs"), *quick(), "--num_epochs", 1)
    assert train(*flags).status == 0
    [run] = runs_of(tmp_path)
    before = weights_of(run)
    outcome = train(*flags, "--resume_path", run)
    assert outcome.status == 0
    assert "Nothing to do: 1 epochs are done (--num_epochs)" in outcome.out
    assert same_weights(weights_of(run), before)
    changed = ("--c_ivif", 2000, "--ewc_lambda", 1, "--fresh_patches", "--mse_weight", 0)
    outcome = train(*flags, "--resume_path", run, *changed)
    assert outcome.status == 1
    for change in (
        "--c_ivif 3000.0 (now 2000.0)",
        "--ewc_lambda 80000.0 (now 1.0)",
        "--fresh_patches False (now True)",
        "--mse_weight 20.0 (now 0.0)",
    ):
        assert change in outcome.err
    assert same_weights(weights_of(run), before)
    outcome = train(*flags, *changed, "--resume_path", run / BEST)  # weights alone
    assert outcome.status == 0
    assert "A new run starts from the weights" in outcome.out
    assert len(runs_of(tmp_path)) == 2


def test_other_tasks_are_no_resumption(tmp_path: Path, train: Call) -> None:
    sets = sets_in(tmp_path / "sets", "ivif", "mef")[3:]
    flags = (*sets, *quick(), "--num_epochs", 1)
    assert train(*flags).status == 0
    [run] = runs_of(tmp_path)
    outcome = train(*flags, "--tasks", "ivif", "mef", "--resume_path", run)
    assert outcome.status == 1
    assert "--tasks ['ivif'] (now ['ivif', 'mef'])" in outcome.err


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
