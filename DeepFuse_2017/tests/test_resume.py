"""A run that is stopped goes on as if nothing had happened; two processes are one."""

import os
import re
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
    quiet_environment,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.scenes import put_scenes

VARIED = ("--crop_size", 16, "--patches", 2, "--augment", "--gamma")
QUICK = (*VARIED, "--batch_size", 2)
BEST = "checkpoints/best.safetensors"


def command_of(scenes: Path) -> list[str]:
    """Return a run of three epochs long enough to be caught in the second one."""
    flags = "--crop_size 64 --patches 6 --augment --gamma --batch_size 2 --num_epochs 3"
    return ["--image_path", str(scenes), *flags.split(), "--device", "cpu"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_scenes(tmp_path_factory.mktemp("data") / "scenes", 8, count=3, size=(80, 72))


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, scenes: Path
) -> Iterator[Callable[[], Path]]:
    """Start the whole training beside the tests; calling gives its run folder when it is done."""
    method = copy_method(tmp_path_factory.mktemp("whole") / "method")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_script, "run_train.py", *command_of(scenes), cwd=method)

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
    tmp_path: Path, scenes: Path, uninterrupted: Callable[[], Path], how: signal.Signals
) -> None:
    method = copy_method(tmp_path / "method")
    status, output = stop_in_second_epoch(method, command_of(scenes), how)
    [run] = runs_of(method)
    assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130), output
    assert "Finished Training" not in output
    if how == signal.SIGINT:
        assert f"Stopped. Go on with --resume_path {run}" in output
        assert "Traceback" not in output
    last = torch.load(run / "checkpoints" / "last.pth", weights_only=True)
    assert last["next_epoch"] == 1  # the second epoch had begun and not ended

    done = run_script("run_train.py", *command_of(scenes), "--resume_path", run, cwd=method)
    assert done.returncode == 0, done.stderr
    assert "goes on at epoch 2" in done.stdout
    assert "Epoch [1/3]" not in done.stderr
    assert runs_of(method) == [run]  # in place
    whole = uninterrupted()
    assert not same_weights(last["model"], weights_of(whole))
    assert same_weights(weights_of(run), weights_of(whole))
    assert scalars(run, "loss/val") == scalars(whole, "loss/val")
    assert (run / BEST).read_bytes()[-4096:] == (whole / BEST).read_bytes()[-4096:]


@pytest.mark.parametrize(("workers", "val_fraction"), [(0, 0.25), (2, 0)])
def test_two_and_two_epochs_are_four(
    tmp_path: Path, train: Call, workers: int, val_fraction: float
) -> None:
    data = put_scenes(tmp_path / "scenes", 8, count=3)
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


def test_another_loss_or_other_patches_are_no_resumption(tmp_path: Path, train: Call) -> None:
    data = put_scenes(tmp_path / "scenes", 4)
    flags = ("--image_path", data, *QUICK)
    assert train(*flags, "--num_epochs", 1).status == 0
    [run] = runs_of(tmp_path)
    changed = ("--loss_weighting", 4, "--patches", 3, "--no-gamma", "--level_weight", 0)
    outcome = train(*flags, "--num_epochs", 2, "--resume_path", run, *changed)
    assert outcome.status == 1
    for change in (
        "--loss_weighting consistency (now 4.0)",
        "--patches 2 (now 3)",
        "--gamma True (now False)",
        "--level_weight 0.1 (now 0.0)",
    ):
        assert change in outcome.err
    fresh = ("--resume_path", run / BEST)  # weights alone
    outcome = train(*flags, "--num_epochs", 1, *changed, *fresh)
    assert outcome.status == 0
    assert "A new run starts from the weights" in outcome.out
    assert len(runs_of(tmp_path)) == 2


def test_two_processes_are_one_with_the_doubled_batch(tmp_path: Path, train: Call) -> None:
    data = put_scenes(tmp_path / "scenes", 6, count=4)
    flags = ["--image_path", data, *VARIED]
    flags += ["--val_fraction", 0.34, "--lr", 1e-3, "--device", "cpu"]
    assert train(*flags, "--batch_size", 4, "--num_epochs", 2).status == 0
    [single] = runs_of(tmp_path)

    method = copy_method(tmp_path / "method")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    flags += ["--batch_size", 2]
    done = run_script("run_train.py", *flags, "--num_epochs", 1, cwd=method, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Device ready: cpu\S*, processes: 2$", done.stdout, re.M)) == 1
    assert done.stdout.count("Finished Training") == 1
    assert re.search(r"Epoch \[1/1\]: 100%\|.*\| 2/2 ", done.stderr)  # 8 patches, 2 ranks of 2
    [run] = runs_of(method)
    again = ("--num_epochs", 2, "--resume_path", run)
    done = run_script("run_train.py", *flags, *again, cwd=method, launcher=launcher)
    assert done.returncode == 0, done.stderr
    assert runs_of(method) == [run]
    assert len(list((run / "logs").iterdir())) == 2  # one writer at each start

    for name in ("loss/train", "loss/val", "mef_ssim_loss/train", "level_loss/train"):
        assert scalars(run, name) == pytest.approx(scalars(single, name), rel=1e-4)
    for name, value in weights_of(single).items():
        off = (weights_of(run)[name] - value).abs() > 2e-5 + 1e-3 * value.abs()
        assert off.float().mean() <= 1e-5  # none, but where Adam follows the sign of nearly nothing
