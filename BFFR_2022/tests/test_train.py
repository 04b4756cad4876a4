"""Both stages from the command line: what they write, resuming, several processes, errors."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers import FOLDER, quiet_environment, run_script, runs_of, same_weights
from tests.method import put_labelled_set

SHORT = ("--stage1_iters", 2, "--stage2_iters", 3)
QUICK = (
    *("--crop_size", 32, 48, "--stage1_batch", 1, "--stage2_batch", 2, "--warmup_iters", 1),
    *("--checkpoint_interval", 1, "--num_workers", 0, "--threads", 1, "--device", "cpu"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_labelled_set(tmp_path_factory.mktemp("data"))


def copy_method(target: Path) -> Path:
    """Copy the method with its configs and without what it has written."""
    leave = shutil.ignore_patterns(
        *("runs", "work_dirs", "data", "pretrain", "fusion_result", "tests", "weights"),
        *("__pycache__", ".*", "*.log"),
    )
    return Path(shutil.copytree(FOLDER, target, ignore=leave))


def train(method: Path, data: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return run_script("run_train.py", "--data_root", data, *QUICK, *words, cwd=method)


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that was never stopped, and what it printed."""
    method = copy_method(tmp_path_factory.mktemp("straight") / "method")
    answer = train(method, data, *SHORT)
    assert answer.returncode == 0, answer.stderr
    return runs_of(method)[0], answer.stdout + answer.stderr


def weights(run: Path) -> dict[str, torch.Tensor]:
    folder = run / "checkpoints"
    return load_file(folder / "fuser.safetensors") | load_file(folder / "segmenter.safetensors")


def test_a_run_writes_weights_checkpoints_curves_and_its_arguments(
    straight: tuple[Path, str],
) -> None:
    run, said = straight
    assert {name.partition(".")[0] for name in weights(run)} >= {
        "backbone",
        "decode_head",
        "DB1_vi",
    }
    assert json.loads((run / "args.json").read_text())["arguments"]["stage2_iters"] == 3
    for stage, count in (("stage1", 2), ("stage2", 3)):
        last = torch.load(run / "checkpoints" / stage / f"iter_{count}.pth", weights_only=True)
        assert last["meta"]["iter"] == count
        events = EventAccumulator(str(run / "logs" / stage))
        events.Reload()
        assert events.Scalars("loss")[-1].step == count
    assert "mIoU" in said
    assert "the segmenter starts from random weights" in said
    assert "Finished Training" in said


def test_weights_are_the_checkpoint_s_as_halves(straight: tuple[Path, str]) -> None:
    run, _ = straight
    last = torch.load(run / "checkpoints" / "stage2" / "iter_3.pth", weights_only=True)
    for name, value in weights(run).items():
        theirs = last["state_dict"].get(f"fuser.{name}", last["state_dict"].get(name))
        assert torch.equal(value, theirs.half() if theirs.is_floating_point() else theirs)


def test_stage_2_starts_from_stage_1(straight: tuple[Path, str]) -> None:
    run, said = straight
    assert f"The fuser starts from {run / 'checkpoints' / 'stage1' / 'iter_2.pth'}" in said


def test_killed_and_resumed_is_as_never_stopped(
    data: Path, straight: tuple[Path, str], tmp_path: Path
) -> None:
    method = copy_method(tmp_path / "method")
    words = [sys.executable, "run_train.py", "--data_root", data, *QUICK, *SHORT]
    process = subprocess.Popen([*map(str, words)], cwd=method, env=quiet_environment())
    wait_for(lambda: list(method.glob("runs/*/checkpoints/stage2/last_checkpoint")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = runs_of(method)[0]
    assert not (run / "checkpoints" / "segmenter.safetensors").exists()
    answer = train(method, data, *SHORT, "--resume_path", run)
    assert answer.returncode == 0, answer.stderr
    assert "Stage 1 is done" in answer.stdout
    assert same_weights(weights(run), weights(straight[0]))


def wait_for(found: object, process: subprocess.Popen, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not found():  # type: ignore[operator]
        assert process.poll() is None, "the training ended by itself"
        assert time.monotonic() < end, "no checkpoint came"
        time.sleep(0.05)


def test_stage_1_is_resumed_too(data: Path, straight: tuple[Path, str], tmp_path: Path) -> None:
    method = copy_method(tmp_path / "method")
    train(method, data, "--stage", 1, "--stage1_iters", 1)
    run = runs_of(method)[0]
    answer = train(method, data, "--stage", 1, "--stage1_iters", 2, "--resume_path", run)
    assert "goes on at" in answer.stdout
    theirs = straight[0] / "checkpoints" / "stage1" / "iter_2.pth"
    theirs_state = torch.load(theirs, weights_only=True)["state_dict"]
    ours = torch.load(run / "checkpoints" / "stage1" / "iter_2.pth", weights_only=True)
    assert same_weights(ours["state_dict"], theirs_state)


def test_two_processes_share_the_work(data: Path, tmp_path: Path) -> None:
    method = copy_method(tmp_path / "method")
    words = ("--data_root", data, *QUICK, "--launcher", "pytorch", *SHORT)
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", 29533)
    answer = run_script("run_train.py", *words, cwd=method, launcher=tuple(map(str, launcher)))
    assert answer.returncode == 0, answer.stderr
    assert len(runs_of(method)) == 1
    assert weights(runs_of(method)[0])
    assert "Distributed training: True" in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pretrained_backbone", "no.pth"), "no such file: no.pth (--pretrained_backbone)"),
        (("--stage", 2, "--pretrained_fuser", "no.pth"), "no.pth (--pretrained_fuser)"),
        (("--stage", 2), "no result of stage 1"),
        (("--resume_path", "."), "is no run's folder"),
        (("--train_split", "no"), "no list"),
        (("--drop_class", "dog"), "invalid choice: 'dog'"),
    ],
)
def test_what_cannot_work_is_refused(
    data: Path, tmp_path: Path, words: Sequence[object], message: str
) -> None:
    answer = train(copy_method(tmp_path / "method"), data, *SHORT, *words)
    assert answer.returncode != 0
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_run_goes_on_under_its_own_settings_alone(data: Path, straight: tuple[Path, str]) -> None:
    run = straight[0]
    answer = train(run.parents[1], data, *SHORT, "--lam", 0.5, "--resume_path", run)
    assert answer.returncode == 1
    assert "--lam 0.001 (now 0.5)" in answer.stderr


def test_a_foreign_checkpoint_is_not_resumed(data: Path, tmp_path: Path) -> None:
    method = copy_method(tmp_path / "method")
    words = ("configs/fuser/transfuser6_avg.py", "--resume", "foreign.pth")
    torch.save({"state_dict": {}, "note": Path("x")}, method / "foreign.pth")
    answer = run_script("tools/train_fuser.py", *words, cwd=method)
    assert answer.returncode == 1
    assert "more than tensors and plain types" in answer.stderr
    torch.save({"state_dict": {}}, method / "foreign.pth")
    answer = run_script("tools/train_fuser.py", *words, cwd=method)
    assert "is no checkpoint of a run of this repository" in answer.stderr


def test_a_damaged_checkpoint_is_not_resumed(data: Path, tmp_path: Path) -> None:
    method = copy_method(tmp_path / "method")
    short = ("--stage", 1, "--stage1_iters")
    train(method, data, *short, 1)
    [run] = runs_of(method)
    path = run / "checkpoints" / "stage1" / "iter_1.pth"
    whole = torch.load(path, weights_only=True)
    name, value = next(iter(whole["state_dict"].items()))
    fewer = {n: v for n, v in whole["state_dict"].items() if n != name}
    for damage, message in (
        ({"state_dict": fewer}, "it holds the weights of another network"),
        (
            {"state_dict": {**whole["state_dict"], name: value * torch.nan}},
            f"its {name} is damaged",
        ),
        ({"optimizer": {"state": 7}}, "it is damaged: "),
    ):
        torch.save({**whole, **damage}, path)
        answer = train(method, data, *short, 2, "--resume_path", run)
        assert answer.returncode == 1
        assert f"{path} cannot be resumed" in answer.stderr
        assert message in answer.stderr
        assert "Traceback" not in answer.stderr
