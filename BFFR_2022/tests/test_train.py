"""`run_train.py`: what both stages write, resuming, several processes, and errors."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers import FOLDER, quiet_environment, run_script, runs_of, same_weights
from tests.scripts import Outcome, call_train

pytest.importorskip("mmseg", reason="pip install -e mmseg_bffr")
pytestmark = pytest.mark.xdist_group("train")  # a run is shared

SHORT = ("--stage1_iters", 2, "--stage2_iters", 3)
QUICK = (
    "--crop_size", 32, 48, "--stage1_batch", 1, "--stage2_batch", 2, "--warmup_iters", 1,
    "--checkpoint_interval", 1, "--num_workers", 0, "--device", "cpu",
)  # fmt: skip


def copy_method(target: Path) -> Path:
    """Copy the method with its configs and without what it has written."""
    leave = shutil.ignore_patterns(
        "runs", "work_dirs", "data", "pretrain", "fusion_result", "tests", "weights",
        "__pycache__", ".*", "*.log",
    )  # fmt: skip
    return Path(shutil.copytree(FOLDER, target, ignore=leave))


@pytest.fixture(scope="module")
def straight(labeled_set: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that was never stopped, started by the real command, and what it printed."""
    method = copy_method(tmp_path_factory.mktemp("straight") / "method")
    answer = run_script("run_train.py", "--data_root", labeled_set, *QUICK, *SHORT, cwd=method)
    assert answer.returncode == 0, answer.stderr
    return runs_of(method)[0], answer.stdout + answer.stderr


@pytest.fixture
def train(labeled_set: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Return a caller of `run_train.py` that writes into `tmp_path`."""

    def call(*words: object) -> Outcome:
        return call_train(tmp_path, "--data_root", labeled_set, *QUICK, *words)

    return call


def exported(run: Path) -> dict[str, torch.Tensor]:
    folder = run / "checkpoints"
    return load_file(folder / "fuser.safetensors") | load_file(folder / "segmenter.safetensors")


def network(run: Path, stage: str, iterations: int) -> dict[str, torch.Tensor]:
    path = run / "checkpoints" / stage / f"iter_{iterations}.pth"
    return torch.load(path, weights_only=True)["state_dict"]


def test_a_run_writes_weights_checkpoints_curves_and_its_arguments(
    straight: tuple[Path, str],
) -> None:
    run, printed = straight
    parts = {name.partition(".")[0] for name in exported(run)}
    assert parts >= {"backbone", "decode_head", "DB1_vi"}
    assert json.loads((run / "args.json").read_text())["arguments"]["stage2_iters"] == 3
    for stage, count in (("stage1", 2), ("stage2", 3)):
        last = torch.load(run / "checkpoints" / stage / f"iter_{count}.pth", weights_only=True)
        assert last["meta"]["iter"] == count
        events = EventAccumulator(str(run / "logs" / stage))
        events.Reload()
        assert events.Scalars("loss")[-1].step == count
    assert "mIoU" in printed
    assert "the segmenter starts from random weights" in printed
    assert f"The fuser starts from {run / 'checkpoints' / 'stage1' / 'iter_2.pth'}" in printed
    assert "Finished Training" in printed


def test_exported_weights_are_the_checkpoint_in_float16(straight: tuple[Path, str]) -> None:
    state = network(straight[0], "stage2", 3)
    for name, value in exported(straight[0]).items():
        source = state.get(f"fuser.{name}", state.get(name))
        assert torch.equal(value, source.half() if source.is_floating_point() else source)


def test_resumed_run_is_bit_equal_to_one_that_was_never_stopped(
    train: Callable[..., Outcome], tmp_path: Path, straight: tuple[Path, str]
) -> None:
    assert train("--stage", 1, "--stage1_iters", 1).status == 0
    [run] = runs_of(tmp_path)
    assert (
        "stage1 goes on at"
        in train("--stage1_iters", 2, "--stage2_iters", 1, "--resume_path", run).out
    )
    assert same_weights(network(run, "stage1", 2), network(straight[0], "stage1", 2))
    answer = train(*SHORT, "--resume_path", run)
    assert "stage1 is done: 2 iterations" in answer.out
    assert "stage2 goes on at" in answer.out
    assert same_weights(network(run, "stage2", 3), network(straight[0], "stage2", 3))
    assert runs_of(tmp_path) == [run]


@pytest.mark.slow
def test_killed_and_resumed_run_is_bit_equal(
    labeled_set: Path, straight: tuple[Path, str], tmp_path: Path
) -> None:
    method = copy_method(tmp_path / "method")
    words = ["run_train.py", "--data_root", labeled_set, *QUICK, *SHORT]
    command = [sys.executable, *map(str, words)]
    process = subprocess.Popen(command, cwd=method, env=quiet_environment())
    wait_for(lambda: list(method.glob("runs/*/checkpoints/stage2/last_checkpoint")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    [run] = runs_of(method)
    assert not (run / "checkpoints" / "segmenter.safetensors").exists()
    answer = run_script(*map(str, words), "--resume_path", run, cwd=method)
    assert answer.returncode == 0, answer.stderr
    assert same_weights(exported(run), exported(straight[0]))


def wait_for(found: Callable[[], object], process: subprocess.Popen, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert process.poll() is None, "the training ended by itself"
        assert time.monotonic() < end, "no checkpoint was written"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_processes_share_the_work(
    labeled_set: Path, tmp_path: Path, train: Callable[..., Outcome]
) -> None:
    # At higher rates, rounding decides where Adam moves weights whose gradients are nearly nothing.
    steps = ("--stage1_iters", 10, "--stage2_iters", 1, "--checkpoint_interval", 10)
    assert train(*steps, "--stage", 1, "--stage1_batch", 2, "--stage1_lr", 2e-9).status == 0
    [single] = runs_of(tmp_path)

    method = copy_method(tmp_path / "method")
    words = ("--data_root", labeled_set, *QUICK, *steps, "--stage1_lr", 1e-9, "--scale_lr")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    answer = run_script(
        "run_train.py", *words, "--launcher", "pytorch", cwd=method, launcher=launcher
    )
    assert answer.returncode == 0, answer.stderr
    [run] = runs_of(method)
    assert exported(run)
    assert "Distributed training: True" in answer.stdout + answer.stderr
    for name in ("lr", "loss"):  # a process had one pair of the two in each step
        found, expected = (tenth(folder, "stage1", name) for folder in (run, single))
        assert found == pytest.approx(expected, rel=1e-4)
    assert tenth(run, "stage1", "lr") == pytest.approx(2e-9, rel=1e-3)


def tenth(run: Path, stage: str, name: str) -> float:
    """Return what TensorBoard shows after ten steps; of the losses, it is the mean of ten steps."""
    events = EventAccumulator(str(run / "logs" / stage))
    events.Reload()
    [value] = [event.value for event in events.Scalars(name) if event.step == 10]
    return value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--stage", 2, "--pretrained_backbone", "no.pth"), "no.pth (--pretrained_backbone)"),
        (("--stage", 2, "--pretrained_fuser", "no.pth"), "no.pth (--pretrained_fuser)"),
        (("--stage", 2), "no result of stage 1"),
        (("--resume_path", "."), "is no run's folder"),
        (("--train_split", "no"), "no list"),
        (("--launcher", "slurm"), "--launcher slurm needs GPUs"),
    ],
)
def test_what_cannot_work_is_refused(
    train: Callable[..., Outcome], words: tuple[object, ...], message: str
) -> None:
    answer = train(*words)
    assert answer.status == 1
    assert message in answer.err


def test_a_run_goes_on_only_with_its_own_settings(
    train: Callable[..., Outcome], straight: tuple[Path, str]
) -> None:
    answer = train(*SHORT, "--lam", 0.5, "--resume_path", straight[0])
    assert answer.status == 1
    assert "--lam 0.001 (now 0.5)" in answer.err


def test_a_damaged_checkpoint_is_not_resumed(
    train: Callable[..., Outcome], straight: tuple[Path, str], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(straight[0], tmp_path / "run"))
    backbone = ("--pretrained_backbone", straight[0].parents[1] / "pretrain" / "mit_b0.pth")
    path = run / "checkpoints" / "stage1" / "iter_2.pth"
    whole = torch.load(path, weights_only=True)
    name, value = next(iter(whole["state_dict"].items()))
    fewer = {n: v for n, v in whole["state_dict"].items() if n != name}
    for damage, message in (
        ({"state_dict": fewer}, "it holds the weights of another network"),
        ({"state_dict": {**whole["state_dict"], name: value * torch.nan}}, f"its {name} is dam"),
        ({"state_dict": {**whole["state_dict"], name: value[:1]}}, f"its {name} is damaged"),
        ({"optimizer": {"state": 7}}, "it is damaged: "),
        ({"optimizer": None, "note": Path("x")}, "more than tensors and plain types"),
    ):
        torch.save({**whole, **damage}, path)
        answer = train("--stage1_iters", 3, "--resume_path", run, *backbone)
        assert answer.status == 1
        assert str(path) in answer.err
        assert message in answer.err
