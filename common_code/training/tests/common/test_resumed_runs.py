# From common_code/training/tests/common/test_resumed_runs.py; edit it there, then tools/sync.py.
"""Which runs go on, where, and with what."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.conftest import Call
from tests.helpers import runs_of
from tests.method import SMALL, put_training_set


@pytest.fixture
def flags(tmp_path: Path) -> tuple[object, ...]:
    data = put_training_set(tmp_path / "set", 4)
    return ("--image_path", data, *SMALL, "--batch_size", 2, "--num_epochs")


@pytest.fixture
def run(tmp_path: Path, train: Call, flags: tuple[object, ...]) -> Path:
    """A run of one epoch that is finished."""
    assert train(*flags, 1).status == 0
    return runs_of(tmp_path)[0]


def test_a_finished_run_has_nothing_to_do_but_more_epochs(
    tmp_path: Path,
    train: Call,
    flags: tuple[object, ...],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = train(*flags, 1, "--resume_path", run)
    assert outcome.status == 0
    assert "Nothing to do: 1 epochs are done (--num_epochs)" in outcome.out
    monkeypatch.chdir(run / "checkpoints")
    assert train(*flags, 2, "--resume_path", "last.pth").status == 0
    assert runs_of(tmp_path) == [run]
    assert torch.load("last.pth", weights_only=True)["next_epoch"] == 2


def test_a_checkpoint_elsewhere_goes_on_in_a_new_run(
    tmp_path: Path, train: Call, flags: tuple[object, ...], run: Path
) -> None:
    (tmp_path / "kept").mkdir()
    kept = shutil.copy(run / "checkpoints" / "last.pth", tmp_path / "kept" / "a.pth")
    outcome = train(*flags, 2, "--resume_path", kept)
    assert outcome.status == 0
    assert "goes on at epoch 2" in outcome.out
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["a.pth"]
    assert len(runs_of(tmp_path)) == 2


def test_another_number_of_processes_under_a_constant_rate(
    tmp_path: Path, train: Call, flags: tuple[object, ...]
) -> None:
    flags = ("--lr_schedule", "constant", *flags)
    assert train(*flags, 1).status == 0
    [run] = runs_of(tmp_path)
    path = run / "checkpoints" / "last.pth"
    state = torch.load(path, weights_only=True)
    torch.save({**state, "steps_per_epoch": state["steps_per_epoch"] + 1}, path)
    assert train(*flags, 2, "--resume_path", run).status == 0


def test_the_best_loss_is_resumed(train: Call, flags: tuple[object, ...], run: Path) -> None:
    folder = run / "checkpoints"
    state = torch.load(folder / "last.pth", weights_only=True)
    torch.save({**state, "best_loss": 0.0}, folder / "last.pth")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    outcome = train(*flags, 2, "--resume_path", run)
    assert outcome.status == 0
    assert "Best val loss: 0.000000" in outcome.out
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in after if after[name] != before.get(name)} == {"last.pth"}


def test_several_cpu_processes_by_accelerate_launch(
    train: Call, flags: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")  # as `accelerate launch --cpu` sets them
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    outcome = train(*flags, 1)
    assert outcome.status == 1
    assert "start several with torchrun --nproc_per_node N" in outcome.err
