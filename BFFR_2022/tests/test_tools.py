"""The commands of the authors' README, typed as they stand, in a copy of the method."""

import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import torch

from models.TransFuser6 import TransFuser6
from tests.helpers import FOLDER, get, picture, put, quiet_environment, run_script
from tests.method import put_labelled_set
from tests.test_train import copy_method
from utils.util_tools import build_parser

JOINT = "configs/fuser_segmenters/transfuser_segformer_mit-b0_preavgfuser6.py"
STAGE1 = "configs/fuser/transfuser6_avg.py"
COMMANDS = {  # by name, as the authors' README has them
    "stage 1": f"python tools/train_fuser.py {STAGE1} --gpu-id 0",
    "average": f"python tools/test_fusion.py {STAGE1} pretrain/avg_20000.pth --gpu-id 0",
    "stage 2": f"python tools/train_fuser_segmenter.py {JOINT} --gpu-id 0",
    "fuse": f"python tools/test_fusion.py {JOINT} weights/bffr.pth --gpu-id 0",
    "score": (
        f"python tools/test_fuser_segmenter.py {JOINT} weights/bffr.pth --gpu-id 0 --eval mIoU"
    ),
    "draw": (
        f"python tools/test_fuser_segmenter.py {JOINT} weights/bffr.pth --gpu-id 0 "
        "--show-dir ./seg_result"
    ),
}
NO_WORKERS = ("num_workers=0", "persistent_workers=False")
SHORTENED = (  # iterations, and pictures small enough for a test
    *("--cfg-options", "train_cfg.max_iters=2", "train_cfg.val_interval=2"),
    *("default_hooks.checkpoint.interval=2", "train_dataloader.batch_size=2"),
    "train_dataloader.dataset.pipeline.2.crop_size=(32,48)",
    "model.data_preprocessor.size=(32,48)",
    *(f"train_dataloader.{setting}" for setting in NO_WORKERS),
)
WITHOUT = "_without_background"
DROP = "train_dataloader.dataset.drop_class=['dog']"
STEMS = ("c",)  # of the test split


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess]:
    """What every command answered, in the order in which a user without a GPU types them."""
    method = copy_method(tmp_path_factory.mktemp("tools") / "method")
    put_labelled_set(method / "data" / "MFNet")
    found: dict[str, subprocess.CompletedProcess] = {}

    def type_in(name: str, *more: str) -> None:
        words = shlex.split(COMMANDS[name])[1:]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", "")
            found[name] = run_script(*words, *more, cwd=method)
        assert found[name].returncode == 0, found[name].stderr

    type_in("stage 1", *SHORTENED)
    (method / "pretrain").mkdir()
    made = method / "work_dirs" / "transfuser6_avg" / "iter_2.pth"
    shutil.copy(made, method / "pretrain" / "avg_20000.pth")
    type_in("average")
    type_in("stage 2", *SHORTENED)
    (method / "weights").mkdir()
    made = method / "work_dirs" / Path(JOINT).stem / "iter_2.pth"
    shutil.copy(made, method / "weights" / "bffr.pth")
    for name in ("fuse", "score", "draw"):
        type_in(name)
    found["method"] = subprocess.CompletedProcess(str(method), 0)
    return found


def folder_of(answers: dict[str, subprocess.CompletedProcess]) -> Path:
    return Path(answers["method"].args)


def test_these_are_the_description_s_commands(reference: Path) -> None:
    text = (reference / "described" / "BFFR.md").read_text(encoding="utf-8")
    described = set(re.findall(r"python tools/[^\n`]+", text))
    assert {" ".join(command.split()) for command in described} == set(COMMANDS.values())


def test_stage_2_finds_what_stage_1_made(answers: dict[str, subprocess.CompletedProcess]) -> None:
    made = folder_of(answers) / "work_dirs" / "transfuser6_avg" / "iter_2.pth"
    assert f"The fuser starts from {made}" in answers["stage 2"].stdout


def test_without_a_gpu_the_cpu_is_used_and_that_is_said(
    answers: dict[str, subprocess.CompletedProcess],
) -> None:
    assert all(
        "--gpu-id 0: this machine has no GPU, going on with the CPU" in answers[name].stderr
        for name in COMMANDS
    )


def test_the_test_set_is_fused(answers: dict[str, subprocess.CompletedProcess]) -> None:
    for config in (STAGE1, JOINT):
        folder = folder_of(answers) / "work_dirs" / Path(config).stem / "fused"
        assert sorted(path.stem for path in folder.iterdir()) == list(STEMS)
        vis = get(folder_of(answers) / "data" / "MFNet" / "vis" / "c.png")
        assert get(folder / "c.png").shape == vis.shape


def test_fusing_needs_no_labels_and_stretches_on_demand(
    answers: dict[str, subprocess.CompletedProcess], tmp_path: Path
) -> None:
    """A set as the authors' TNO: `vis/`, `ir/` and `test.txt`."""
    data = put_labelled_set(tmp_path / "TNO")
    shutil.rmtree(data / "labels")
    put(data / "vis" / "c.png", 96 + picture(2, channels=1) // 8)
    made = folder_of(answers) / "weights" / "bffr.pth"
    for stretch in ("none", "minmax"):
        words = (JOINT, made, "--output", tmp_path / stretch, "--stretch", stretch)
        words += ("--cfg-options", f"test_dataloader.dataset.data_root={data}")
        answer = run_script("tools/test_fusion.py", *words, cwd=folder_of(answers))
        assert answer.returncode == 0, answer.stderr
    clipped, stretched = (get(tmp_path / name / "c.png") for name in ("none", "minmax"))
    assert (clipped.min(), clipped.max()) != (0, 255)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_every_class_is_scored(answers: dict[str, subprocess.CompletedProcess]) -> None:
    said = answers["score"].stdout + answers["score"].stderr
    means = [f"{kind}{suffix}: " for kind in ("mIoU", "mAcc") for suffix in ("", WITHOUT)]
    assert all(name in said for name in ("unlabeled", "person", "bump", *means))


def test_segmentations_are_drawn(answers: dict[str, subprocess.CompletedProcess]) -> None:
    folder = folder_of(answers) / "seg_result"
    names = [f"{stem}_{kind}.png" for stem in STEMS for kind in ("labels", "overlay")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(["classes.csv", *names])


def test_tools_start_from_any_folder(
    answers: dict[str, subprocess.CompletedProcess], tmp_path: Path
) -> None:
    method = folder_of(answers)
    tool, config = method / "tools" / "test_fusion.py", method / STAGE1
    made = method / "pretrain" / "avg_20000.pth"
    words = (str(tool), config, made, "--output", "here")
    answer = run_script(*words, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert sorted(path.stem for path in (tmp_path / "here").iterdir()) == list(STEMS)
    answer = run_script(*words, cwd=tmp_path)
    assert answer.returncode == 1
    assert "--overwrite replaces them" in answer.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("test_fuser_segmenter.py", JOINT, "x.pth"), "nothing to do: say --eval mIoU"),
        (("test_fuser_segmenter.py", JOINT, "x.pth", "--eval", "mIoU"), "no such file: x.pth"),
        (("test_fuser_segmenter.py", STAGE1, "x.pth", "--eval", "mIoU"), "has no segmenter"),
        (("test_fusion.py", "no.py", "x.pth"), "no config no.py"),
        (("train_fuser.py", STAGE1, "--resume"), "there is no iter_*.pth"),
        (("train_fuser.py", STAGE1), "data/MFNet (data_root and split of the config)"),
        (("train_fuser.py", STAGE1, "--cfg-options", DROP), "drop_class dog: there are car"),
        (("train_fuser.py", STAGE1, "--resume", "tools/start.py"), "tools/start.py"),
        (("train_fuser_segmenter.py", JOINT), "no result of stage 1"),
    ],
)
def test_what_cannot_work_is_refused(
    tmp_path: Path,
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    method = copy_method(tmp_path / "method")
    answer = run_script(f"tools/{words[0]}", *words[1:], cwd=method)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    command = {"test_fuser_segmenter.py": "test_segmenter", "test_fusion.py": "test_fusion"}
    with pytest.raises(SystemExit):
        build_parser().parse_args([command.get(words[0], "train"), "--help"])
    known = capsys.readouterr().out
    assert all(flag in known for flag in re.findall(r"--[a-z][a-z_-]*", answer.stderr))


@pytest.mark.parametrize("command", ["fuse", "score"])
def test_absent_weights_are_told_with_where_the_authors_have_them(
    tmp_path: Path, reference: Path, command: str
) -> None:
    method = copy_method(tmp_path / "method")
    put_labelled_set(method / "data" / "MFNet")
    answer = run_script(*shlex.split(COMMANDS[command])[1:], cwd=method)
    assert answer.returncode == 1
    assert "no such file: " in answer.stderr
    described = (reference / "described" / "BFFR.md").read_text(encoding="utf-8")
    for name in (r"here", r"mit_b0\.pth"):
        [link] = re.findall(rf"\[{name}\]\((.+?)\?", described)
        assert link in answer.stderr


def test_the_package_installs_as_described(tmp_path: Path) -> None:
    """`pip install -e .` in mmseg_bffr/, without what it depends on."""
    folder = tmp_path / "mmseg_bffr"
    shutil.copytree(FOLDER / "mmseg_bffr", folder, ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [python, "-m", "pip", "install", "-q", "--no-deps", "-e", "."]
    subprocess.run(command, cwd=folder, check=True, env=quiet_environment())
    look = "import importlib.util as u; print(u.find_spec('mmseg_bffr').origin)"
    answer = subprocess.run([python, "-c", look], capture_output=True, text=True, cwd=tmp_path)
    assert Path(answer.stdout.strip()) == folder / "__init__.py"


def test_a_fuser_of_random_weights_is_loaded_by_name(tmp_path: Path) -> None:
    """The documented checkpoint of stage 1 has the fuser's names, without a prefix."""
    torch.save({"state_dict": TransFuser6().state_dict()}, tmp_path / "avg.pth")
    method = copy_method(tmp_path / "method")
    put_labelled_set(method / "data" / "MFNet")
    answer = run_script("tools/test_fusion.py", STAGE1, tmp_path / "avg.pth", cwd=method)
    assert answer.returncode == 0, answer.stderr
    assert "avg.pth model loaded (the fuser alone)" in answer.stdout
