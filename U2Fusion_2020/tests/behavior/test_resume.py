# From common_code/training/tests/behavior/test_resume.py; edit it there, then tools/sync.py.
"""A run that goes on is the run that was never stopped, and not another one."""

from pathlib import Path

import pytest

from tests.conftest import Call
from tests.helpers import runs_of, same_weights, scalars, weights_of
from tests.method import OTHER_RUN, SMALL, VARIED, put_training_set

QUICK = (*SMALL, *VARIED, "--batch_size", 2)


@pytest.mark.parametrize(("workers", "val_fraction"), [(0, 0.25), (2, 0)])
def test_two_and_two_epochs_are_four(
    tmp_path: Path, train: Call, workers: int, val_fraction: float
) -> None:
    data = put_training_set(tmp_path / "set", 8)
    flags = ("--image_path", data, *QUICK, "--val_fraction", val_fraction, "--num_epochs")
    assert train(*flags, 4).status == 0  # without workers
    [whole] = runs_of(tmp_path)
    whole = whole.rename(tmp_path / "whole")
    loading = ("--num_workers", workers)
    assert train(*loading, *flags, 2).status == 0
    [run] = runs_of(tmp_path)
    assert train(*loading, *flags, 4, "--resume_path", run).status == 0
    assert runs_of(tmp_path) == [run]
    assert same_weights(weights_of(run), weights_of(whole))
    assert scalars(run, "loss/train") == scalars(whole, "loss/train")


def test_other_settings_are_no_resumption(tmp_path: Path, train: Call) -> None:
    data = put_training_set(tmp_path / "set", 4)
    flags = ("--image_path", data, *QUICK, "--num_epochs")
    assert train(*flags, 1).status == 0
    [run] = runs_of(tmp_path)
    before = weights_of(run)
    changed = [word for words in OTHER_RUN.values() for word in words]
    outcome = train(*flags, 2, "--resume_path", run, *changed)
    assert outcome.status == 1
    for change in OTHER_RUN:
        assert change in outcome.err
    assert same_weights(weights_of(run), before)
    best = run / "checkpoints" / "best.safetensors"  # weights alone
    outcome = train(*flags, 1, "--resume_path", best, *changed)
    assert outcome.status == 0
    assert "A new run starts from the weights" in outcome.out
    assert len(runs_of(tmp_path)) == 2
