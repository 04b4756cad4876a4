# From common_code/training/tests/behavior/test_two_processes.py; edit it there, then tools/sync.py.
"""Two processes that torchrun starts train as one process with the doubled batch."""

import re
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.helpers import copy_method, run_script, runs_of, scalars, weights_of
from tests.method import SMALL, TERMS, VARIED, put_training_set

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


@pytest.mark.slow
def test_ten_steps_are_those_of_one_process_with_the_doubled_batch(
    tmp_path: Path, train: Call
) -> None:
    data = put_training_set(tmp_path / "set", 11)  # 8 to train on, 3 to validate on
    flags = ["--image_path", data, *SMALL, *VARIED, "--val_fraction", 0.27, "--device", "cpu"]
    alone = ("--batch_size", 4, "--lr", 1e-4, "--num_epochs", 5, "--num_workers", 1)
    assert train(*flags, *alone).status == 0
    [single] = runs_of(tmp_path)

    method = copy_method(tmp_path / "method")
    flags += ["--batch_size", 2, "--lr", 5e-5, "--scale_lr"]
    done = run_script("run_train.py", *flags, "--num_epochs", 2, cwd=method, launcher=TORCHRUN)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Device ready: cpu\S*, processes: 2$", done.stdout, re.M)) == 1
    assert done.stdout.count("Finished Training") == 1
    assert re.search(r"Epoch \[1/2\]: 100%\|.*\| 2/2 ", done.stderr)  # 8 samples, 2 ranks of 2
    [run] = runs_of(method)
    again = ("--num_epochs", 5, "--resume_path", run)
    done = run_script("run_train.py", *flags, *again, cwd=method, launcher=TORCHRUN)
    assert done.returncode == 0, done.stderr
    assert runs_of(method) == [run]
    assert len(list((run / "logs").iterdir())) == 2  # one writer at each start

    done = run_script("run_train.py", *flags, "--num_epochs", 6, "--resume_path", run, cwd=method)
    assert done.returncode == 1
    assert "a run of 2 steps per epoch, and now there are 4, with 1 processes" in done.stderr

    assert scalars(run, "lr") == pytest.approx(scalars(single, "lr"))
    for name in ("loss/train", "loss/val", *(f"{term}/train" for term in TERMS)):
        assert len(scalars(run, name)) == 5
        assert scalars(run, name) == pytest.approx(scalars(single, name), rel=1e-4)
    for name, value in weights_of(single).items():
        off = (weights_of(run)[name] - value).abs() > 2e-5 + 1e-3 * value.abs()
        assert off.float().mean() <= 1e-5  # none, but where Adam follows the sign of nearly nothing
