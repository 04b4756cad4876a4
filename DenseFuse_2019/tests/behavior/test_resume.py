# From common_code/photographs/tests/behavior/test_resume.py; edit it there, then tools/sync.py.
"""A run that is stopped goes on as if nothing had happened; two processes are one."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.conftest import Call
from tests.helpers import (
    copy_method,
    put_photos,
    quiet_environment,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import INTERRUPTED, SMALL

QUICK = (*SMALL, "--batch_size", 2, "--sampling", "crop", "--flip")


def command_of(photos: Path) -> list[str]:
    """Return a run of three epochs long enough to be caught in the second one."""
    flags = "--batch_size 2 --sampling crop --flip --num_epochs 3 --val_fraction 0.1 --device cpu"
    return ["--image_path", str(photos), *flags.split(), *map(str, INTERRUPTED)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_photos(tmp_path_factory.mktemp("data") / "photos", 32, (120, 116))


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, photos: Path
) -> Iterator[Callable[[], Path]]:
    """Start the whole training beside the tests; calling gives its run folder when it is done."""
    method = copy_method(tmp_path_factory.mktemp("whole") / "method")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_script, "run_train.py", *command_of(photos), cwd=method)

        def run_folder() -> Path:
            assert running.result().returncode == 0, running.result().stderr
            return runs_of(method)[0]

        yield run_folder


def stop_in_second_epoch(
    method: Path, arguments: list[str], how: signal.Signals
) -> tuple[int, str]:
    """Start a training, send it a signal amid its second epoch; return status and output."""
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
        if re.search(rb"Epoch \[2/3\]: +[1-8]\d%", seen):
            os.kill(process.pid, how)
            break
    seen += process.stdout.read()
    status = process.wait(60)
    process.stdout.close()
    return status, seen.decode()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_amid_an_epoch(
    tmp_path: Path, photos: Path, uninterrupted: Callable[[], Path], how: signal.Signals
) -> None:
    method = copy_method(tmp_path / "method")
    status, output = stop_in_second_epoch(method, command_of(photos), how)
    [run] = runs_of(method)
    assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130), output
    assert "Finished Training" not in output
    if how == signal.SIGINT:
        assert f"Stopped. Go on with --resume_path {run}" in output
        assert "Traceback" not in output
    last = torch.load(run / "checkpoints" / "last.pth", weights_only=True)
    assert last["next_epoch"] == 1  # the second epoch had begun and not ended

    done = run_script("run_train.py", *command_of(photos), "--resume_path", run, cwd=method)
    assert done.returncode == 0, done.stderr
    assert "goes on at epoch 2" in done.stdout
    assert "Epoch [1/3]" not in done.stderr
    assert runs_of(method) == [run]  # in place
    whole = uninterrupted()
    assert not same_weights(last["model"], weights_of(whole))
    assert same_weights(weights_of(run), weights_of(whole))
    assert scalars(run, "loss/val") == scalars(whole, "loss/val")
    best = "checkpoints/best.safetensors"
    assert (run / best).read_bytes()[-4096:] == (whole / best).read_bytes()[-4096:]


@pytest.mark.parametrize("val_fraction", [0, 0.25])
@pytest.mark.parametrize("workers", [0, 2])
def test_two_and_two_epochs_are_four(
    tmp_path: Path, train: Call, workers: int, val_fraction: float
) -> None:
    data = put_photos(tmp_path / "photos", 8)
    flags = ("--image_path", data, *QUICK, "--val_fraction", val_fraction)
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


def test_finished_and_changed_runs(
    tmp_path: Path, train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = put_photos(tmp_path / "photos", 4)
    flags = ("--image_path", data, *QUICK, "--num_epochs", 1)
    assert train(*flags).status == 0
    [run] = runs_of(tmp_path)
    outcome = train(*flags, "--resume_path", run)
    assert outcome.status == 0
    assert "Nothing to do: 1 epochs are done (--num_epochs)" in outcome.out
    outcome = train(*flags, "--resume_path", run, "--lr", 1e-3, "--no-gray")
    assert outcome.status == 1
    assert "--gray True (now False)" in outcome.err
    assert "--lr 0.0001 (now 0.001)" in outcome.err
    monkeypatch.chdir(run / "checkpoints")
    assert train(*flags, "--num_epochs", 2, "--resume_path", "last.pth").status == 0
    assert runs_of(tmp_path) == [run]
    assert torch.load("last.pth", weights_only=True)["next_epoch"] == 2


def test_a_checkpoint_elsewhere_goes_on_in_a_new_run(tmp_path: Path, train: Call) -> None:
    data = put_photos(tmp_path / "photos", 4)
    flags = ("--image_path", data, *QUICK)
    assert train(*flags, "--num_epochs", 1).status == 0
    [run] = runs_of(tmp_path)
    (tmp_path / "kept").mkdir()
    kept = shutil.copy(run / "checkpoints" / "last.pth", tmp_path / "kept" / "a.pth")
    outcome = train(*flags, "--num_epochs", 2, "--resume_path", kept)
    assert outcome.status == 0
    assert "goes on at epoch 2" in outcome.out
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["a.pth"]
    assert len(runs_of(tmp_path)) == 2


def test_two_processes_are_one_with_the_doubled_batch(tmp_path: Path, train: Call) -> None:
    data = put_photos(tmp_path / "photos", 11)  # 8 to train on, 3 to validate on: unequal shares
    flags = ["--image_path", data, *SMALL, "--sampling", "crop", "--flip"]
    flags += ["--val_fraction", 0.27, "--lr", 1e-4, "--device", "cpu"]
    assert train(*flags, "--batch_size", 4, "--num_epochs", 2).status == 0
    [single] = runs_of(tmp_path)

    method = copy_method(tmp_path / "method")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    flags += ["--batch_size", 2]
    done = run_script("run_train.py", *flags, "--num_epochs", 1, cwd=method, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Device ready: cpu\S*, processes: 2$", done.stdout, re.M)) == 1
    assert done.stdout.count("Finished Training") == 1
    assert re.search(r"Epoch \[1/1\]: 100%\|.*\| 2/2 ", done.stderr)  # 8 images, 2 ranks of 2
    [run] = runs_of(method)
    again = ("--num_epochs", 2, "--resume_path", run)
    done = run_script("run_train.py", *flags, *again, cwd=method, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert runs_of(method) == [run]
    assert len(list((run / "logs").iterdir())) == 2  # one writer at each start

    outcome = train(*flags, "--num_epochs", 3, "--resume_path", run)
    assert outcome.status == 1
    assert "a run of 2 steps per epoch, and now there are 4, with 1 processes" in outcome.err

    for name in ("loss/train", "loss/val", "pixel_loss/train", "ssim_loss/train"):
        assert scalars(run, name) == pytest.approx(scalars(single, name), rel=1e-4)
    for name, value in weights_of(single).items():
        off = (weights_of(run)[name] - value).abs() > 2e-5 + 1e-3 * value.abs()
        assert off.float().mean() <= 1e-5  # none, but where Adam follows the sign of nearly nothing


def test_another_number_of_processes_under_a_constant_rate(tmp_path: Path, train: Call) -> None:
    data = put_photos(tmp_path / "photos", 4)
    flags = ("--image_path", data, *QUICK, "--lr_schedule", "constant")
    assert train(*flags, "--num_epochs", 1).status == 0
    [run] = runs_of(tmp_path)
    path = run / "checkpoints" / "last.pth"
    state = torch.load(path, weights_only=True)
    torch.save({**state, "steps_per_epoch": state["steps_per_epoch"] + 1}, path)
    assert train(*flags, "--num_epochs", 2, "--resume_path", run).status == 0


def test_the_best_loss_is_resumed(tmp_path: Path, train: Call) -> None:
    data = put_photos(tmp_path / "photos", 4)
    flags = ("--image_path", data, *QUICK)
    assert train(*flags, "--num_epochs", 1).status == 0
    [run] = runs_of(tmp_path)
    folder = run / "checkpoints"
    state = torch.load(folder / "last.pth", weights_only=True)
    torch.save({**state, "best_loss": 0.0}, folder / "last.pth")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    outcome = train(*flags, "--num_epochs", 2, "--resume_path", run)
    assert outcome.status == 0
    assert "Best val loss: 0.000000" in outcome.out
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"last.pth"}


def test_several_cpu_processes_by_accelerate_launch(
    tmp_path: Path, train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = put_photos(tmp_path / "photos", 4)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")  # as `accelerate launch --cpu` sets them
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    outcome = train("--image_path", data, *QUICK, "--num_epochs", 1)
    assert outcome.status == 1
    assert "start several with torchrun --nproc_per_node N" in outcome.err
