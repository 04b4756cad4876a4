"""What is decided before a training starts: the device, and the weights to start from."""

import os
from pathlib import Path

import pytest
import torch

from utils import util_train
from utils.util_mmengine import choose_device, choose_gpu
from utils.util_resume import iterations_of, newest_checkpoint, run_of
from utils.util_train import find_weights
from utils.utils import InputError

ConfigDict = pytest.importorskip("mmengine", reason="pip install -e mmseg_bffr").ConfigDict

VISIBLE = "CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize(
    ("exported", "number", "left"), [(None, 1, "1"), ("5", 0, "5"), ("2,7", 1, "7")]
)
def test_a_gpu_is_chosen_among_those_that_are_visible(
    monkeypatch: pytest.MonkeyPatch, exported: str | None, number: int, left: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv(VISIBLE, exported or "")
    choose_gpu(number)
    assert os.environ[VISIBLE] == left
    with pytest.raises(InputError, match="--gpu-id 2: there are 2 GPUs"):
        choose_gpu(2)


def test_without_a_gpu_the_cpu_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.delenv(VISIBLE, raising=False)
    choose_gpu(0)
    assert VISIBLE not in os.environ
    assert "this machine has no GPU" in capsys.readouterr().err


def test_the_cpu_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "0")
    choose_device("cpu")
    assert os.environ[VISIBLE] == ""


def put_checkpoints(folder: Path, *iterations: int, last: int | None = None) -> Path:
    folder.mkdir(parents=True)
    for count in iterations:
        (folder / f"iter_{count}.pth").touch()
    if last is not None:
        (folder / "last_checkpoint").write_text(f"/elsewhere/iter_{last}.pth")
    return folder


def test_the_last_checkpoint_is_the_one_that_was_finished(tmp_path: Path) -> None:
    """A kill can leave a newer file that is cut short; a folder may have been moved."""
    folder = put_checkpoints(tmp_path / "a", 10, 20, last=10)
    assert newest_checkpoint(folder) == folder / "iter_10.pth"
    assert newest_checkpoint(put_checkpoints(tmp_path / "b", 10)) is None
    assert newest_checkpoint(put_checkpoints(tmp_path / "c", 10, last=30)) is None
    assert newest_checkpoint(tmp_path / "absent") is None


def test_what_the_path_of_a_checkpoint_says(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "stage1" / "iter_20.pth"
    assert (run_of(checkpoint), iterations_of(checkpoint)) == (tmp_path, 20)
    assert iterations_of(Path("best_mIoU_iter_7.pth")) == 7
    assert (iterations_of(None), iterations_of(Path("avg_fuser.pth"))) == (0, 0)


def test_stage_1_is_looked_for_where_the_config_says_and_then_among_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(util_train, "HERE", tmp_path)
    monkeypatch.setattr(util_train, "RUNS", tmp_path / "runs")
    wanted = tmp_path / "avg_fuser.pth"
    model = ConfigDict(pretrained_fuser=str(wanted), pretrained_segmenter=None)
    with pytest.raises(InputError, match=r"no result of stage 1: neither .*avg_fuser\.pth"):
        find_weights(model)
    stage1 = Path("checkpoints", "stage1")
    old = put_checkpoints(tmp_path / "work_dirs" / "a" / stage1, 5, last=5) / "iter_5.pth"
    os.utime(old, (1, 1))
    find_weights(model)
    assert model.pretrained_fuser == str(old)
    new = put_checkpoints(tmp_path / "runs" / "b" / stage1, 3, last=3) / "iter_3.pth"
    model.pretrained_fuser = str(wanted)
    find_weights(model)
    assert model.pretrained_fuser == str(new)
    wanted.touch()
    model.pretrained_fuser = str(wanted)
    find_weights(model)
    assert model.pretrained_fuser == str(wanted)
    find_weights(model, resume=new)
    assert model.pretrained_fuser is None


def test_a_missing_segmenter_starts_from_random_weights_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ConfigDict(fusion="average", pretrained_segmenter="pretrain/mit_b0.pth")
    find_weights(model)
    assert model.pretrained_segmenter is None
    assert "the segmenter starts from random weights" in capsys.readouterr().err
    (tmp_path / "mit_b0.pth").touch()
    model.pretrained_segmenter = str(tmp_path / "mit_b0.pth")
    find_weights(model)
    assert model.pretrained_segmenter == str(tmp_path / "mit_b0.pth")
