# From common_code/training/tests/common/test_processes.py; edit it there, then tools/sync.py.
"""Trainings that are killed, as a user does it."""

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

from tests.helpers import (
    copy_method,
    quiet_environment,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import INTERRUPTED, VARIED, put_training_set

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]  # a run is shared
BEST = "checkpoints/best.safetensors"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A run of three epochs long enough to be caught in the second one."""
    data = put_training_set(tmp_path_factory.mktemp("data") / "set", 16, (120, 116))
    flags = ["--batch_size", "2", "--num_epochs", "3", "--val_fraction", "0.1", "--device", "cpu"]
    return ["--image_path", str(data), *map(str, (*INTERRUPTED, *VARIED)), *flags]


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory, command: list[str]
) -> Iterator[Callable[[], Path]]:
    """Start the whole training beside the tests; calling gives its run folder when it is done."""
    method = copy_method(tmp_path_factory.mktemp("whole") / "method")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_script, "run_train.py", *command, cwd=method)

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
    tmp_path: Path, command: list[str], uninterrupted: Callable[[], Path], how: signal.Signals
) -> None:
    method = copy_method(tmp_path / "method")
    status, output = stop_in_second_epoch(method, command, how)
    [run] = runs_of(method)
    assert status == (-signal.SIGKILL if how == signal.SIGKILL else 130), output
    assert "Finished Training" not in output
    if how == signal.SIGINT:
        assert f"Stopped. Go on with --resume_path {run}" in output
        assert "Traceback" not in output
    last = torch.load(run / "checkpoints" / "last.pth", weights_only=True)
    assert last["next_epoch"] == 1  # the second epoch had begun and not ended

    done = run_script("run_train.py", *command, "--resume_path", run, cwd=method)
    assert done.returncode == 0, done.stderr
    assert "goes on at epoch 2" in done.stdout
    assert "Epoch [1/3]" not in done.stderr
    assert runs_of(method) == [run]  # in place
    whole = uninterrupted()
    assert not same_weights(last["model"], weights_of(whole))
    assert same_weights(weights_of(run), weights_of(whole))
    assert scalars(run, "loss/val") == scalars(whole, "loss/val")
    assert (run / BEST).read_bytes()[-4096:] == (whole / BEST).read_bytes()[-4096:]
