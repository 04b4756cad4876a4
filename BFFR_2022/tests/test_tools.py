"""The commands of the authors' README, and what else `tools/` do."""

import runpy
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import torch

from models.TransFuser6 import TransFuser6
from tests.helpers import FOLDER, get, picture, put, quiet_environment, run_script, runs_of
from tests.method import put_labeled_set
from tests.scripts import Outcome, call_tool, relative_config
from utils.util_weights import LINKS

pytest.importorskip("mmseg", reason="pip install -e mmseg_bffr")
pytestmark = pytest.mark.xdist_group("tools")  # a run is shared

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
SUBCOMMANDS = {  # of `utils.util_tools`, which the scripts in tools/ start
    "tools/train_fuser.py": "train",
    "tools/train_fuser_segmenter.py": "train",
    "tools/test_fusion.py": "test_fusion",
    "tools/test_fuser_segmenter.py": "test_segmenter",
}
SHORTENED = (  # iterations, and pictures small enough for a test
    "--cfg-options", "train_cfg.max_iters=2", "train_cfg.val_interval=2",
    "default_hooks.checkpoint.interval=2", "train_dataloader.batch_size=2",
    "train_dataloader.dataset.pipeline.2.crop_size=(32,48)",
    "model.data_preprocessor.size=(32,48)",
    "train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False",
)  # fmt: skip
VALIDATED = ("val_dataloader.num_workers=0", "val_dataloader.persistent_workers=False")
NO_WORKERS = (
    "--cfg-options", "test_dataloader.num_workers=0", "test_dataloader.persistent_workers=False"
)  # fmt: skip
DROP = "train_dataloader.dataset.drop_class=['dog']"
STEMS = ["c"]  # of the test split


def type_in(folder: Path, words: list[str], *more: object) -> Outcome:
    """Return the answer to a tool's command, without the process that the tool starts."""
    script, *rest = relative_config(words)
    return call_tool(folder, SUBCOMMANDS[script], *rest, *more)


def command(name: str) -> list[str]:
    return shlex.split(COMMANDS[name])[1:]


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MFNet's layout and what the commands write."""
    folder = tmp_path_factory.mktemp("tools")
    put_labeled_set(folder / "data" / "MFNet")
    return folder


@pytest.fixture(scope="module")
def answers(method: Path) -> dict[str, Outcome]:
    """The answers to all commands, in the order in which a user without a GPU types them."""
    found = {"stage 1": type_in(method, command("stage 1"), *SHORTENED)}
    [first] = runs_of(method)
    (method / "pretrain").mkdir()
    shutil.copy(first / "checkpoints/stage1/iter_2.pth", method / "pretrain/avg_20000.pth")
    found["average"] = type_in(method, command("average"))
    found["stage 2"] = type_in(method, command("stage 2"), *SHORTENED, *VALIDATED)
    [second] = (run for run in runs_of(method) if run != first)
    (method / "weights").mkdir()
    shutil.copy(second / "checkpoints/stage2/iter_2.pth", method / "weights/bffr.pth")
    found["fuse"] = type_in(method, command("fuse"))
    for name in ("score", "draw"):
        found[name] = type_in(method, command(name), *NO_WORKERS)
    assert [answer.status for answer in found.values()] == [0] * 6, found
    return found


def test_stage_2_starts_from_the_newest_stage_1(method: Path, answers: dict[str, Outcome]) -> None:
    [first] = method.glob("runs/*/checkpoints/stage1/iter_2.pth")
    assert f"The fuser starts from {first}" in answers["stage 2"].out


def test_tools_write_runs_as_run_train_does(method: Path, answers: dict[str, Outcome]) -> None:
    for stage, names in (("stage1", ["fuser"]), ("stage2", ["fuser", "segmenter"])):
        [folder] = method.glob(f"runs/*/checkpoints/{stage}")
        files = sorted(path.stem for path in folder.parent.glob("*.safetensors"))
        assert files == names
        assert (folder.parents[1] / "args.json").is_file()
        assert list((folder.parents[1] / "logs" / stage).glob("*tfevents*"))


def test_without_a_gpu_the_cpu_is_used_with_a_warning(answers: dict[str, Outcome]) -> None:
    warning = "--gpu-id 0: this machine has no GPU, going on with the CPU"
    assert all(warning in answer.err for answer in answers.values())


def test_the_test_set_is_fused(method: Path, answers: dict[str, Outcome]) -> None:
    for config in (STAGE1, JOINT):
        folder = method / "work_dirs" / Path(config).stem / "fused"
        assert [path.stem for path in folder.iterdir()] == STEMS
        visible = get(method / "data" / "MFNet" / "vis" / "c.png")
        assert get(folder / "c.png").shape == visible.shape
    assert "(the fuser alone)" in answers["average"].out
    assert "(fuser and segmenter)" in answers["fuse"].out


def test_fusing_needs_no_labels_and_stretches_on_demand(tmp_path: Path) -> None:
    """The authors' TNO has `vis/`, `ir/` and `test.txt`."""
    data = put_labeled_set(tmp_path / "TNO")
    shutil.rmtree(data / "labels")
    put(data / "vis" / "c.png", 96 + picture(2, channels=1) // 8)
    torch.save({"state_dict": TransFuser6().state_dict()}, tmp_path / "avg.pth")
    for stretch in ("none", "minmax"):
        words = ["tools/test_fusion.py", JOINT, "avg.pth", "--output", stretch]
        words += ["--stretch", stretch, "--cfg-options"]
        answer = type_in(tmp_path, words, f"test_dataloader.dataset.data_root={data}")
        assert answer.status == 0, answer.err
    clipped, stretched = (get(tmp_path / name / "c.png") for name in ("none", "minmax"))
    assert (clipped.min(), clipped.max()) != (0, 255)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_every_class_is_scored(answers: dict[str, Outcome]) -> None:
    printed = answers["score"].out + answers["score"].err
    names = ("unlabeled", "person", "bump", "mIoU: ", "mAcc: ")
    assert all(name in printed for name in names)
    assert all(f"{kind}_without_background: " in printed for kind in ("mIoU", "mAcc"))


def test_segmentations_are_drawn(method: Path, answers: dict[str, Outcome]) -> None:
    names = [f"{stem}_{kind}.png" for stem in STEMS for kind in ("labels", "overlay")]
    found = sorted(path.name for path in (method / "seg_result").iterdir())
    assert found == sorted(["classes.csv", *names])


def test_resumed_training_stays_in_its_run(
    method: Path, answers: dict[str, Outcome], tmp_path: Path
) -> None:
    shutil.copytree(method, tmp_path / "copy")
    [first] = (tmp_path / "copy").glob("runs/*/checkpoints/stage1")
    words = [*SHORTENED[:1], "train_cfg.max_iters=3", *SHORTENED[2:], "--resume"]
    answer = type_in(tmp_path / "copy", command("stage 1"), *words)
    assert f"stage1 goes on at {first / 'iter_2.pth'}" in answer.out
    assert f"Run: {first.parents[1]}" in answer.out
    words += [str(first / "iter_3.pth"), "--work-dir", "elsewhere"]
    assert (
        "stage1 is done: 3 iterations" in type_in(tmp_path / "copy", command("stage 1"), *words).out
    )
    assert (tmp_path / "copy" / "elsewhere" / "args.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tools/test_fuser_segmenter.py", JOINT, "x.pth"], "nothing to do: give --eval mIoU"),
        (["tools/test_fuser_segmenter.py", STAGE1, "x.pth", "--eval", "mIoU"], "has no segmenter"),
        (["tools/test_fusion.py", "no.py", "x.pth"], "no config no.py"),
        (["tools/train_fuser.py", STAGE1, "--resume"], "no checkpoint of stage1 in runs/"),
        (["tools/train_fuser.py", STAGE1], "data/MFNet (data_root and split of the config)"),
        (["tools/train_fuser.py", STAGE1, "--cfg-options", DROP], "drop_class dog: there are car"),
        (["tools/train_fuser_segmenter.py", JOINT], "no result of stage 1"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    answer = type_in(tmp_path, words)
    assert answer.status == 1
    assert message in answer.err


@pytest.mark.parametrize("name", ["fuse", "score"])
def test_missing_weights_are_linked(method: Path, tmp_path: Path, name: str) -> None:
    put_labeled_set(tmp_path / "data" / "MFNet")
    answer = type_in(tmp_path, command(name))
    assert answer.status == 1
    assert "no such file: weights/bffr.pth" in answer.err
    assert all(link in answer.err for link in LINKS.values())


def test_a_foreign_checkpoint_is_not_resumed(method: Path, tmp_path: Path) -> None:
    put_labeled_set(tmp_path / "data" / "MFNet")
    torch.save({"state_dict": {}}, tmp_path / "foreign.pth")
    answer = type_in(tmp_path, command("stage 1"), *SHORTENED, "--resume", "foreign.pth")
    assert "foreign.pth is no checkpoint of a run of this repository" in answer.err


@pytest.mark.parametrize("script", SUBCOMMANDS)
def test_scripts_start_their_commands_and_pass_the_status_on(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[tuple[list[str], Path]] = []

    def call(words: list[str], cwd: Path) -> int:
        started.append((words, cwd))
        return 3

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(sys, "argv", [script, "a.py", "--work-dir", "new", "--output=out"])
    monkeypatch.syspath_prepend(FOLDER / "tools")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    assert stopped.value.code == 3
    paths = [str(tmp_path / "a.py"), "--work-dir", str(tmp_path / "new")]
    words = ["-m", "utils.util_tools", SUBCOMMANDS[script], *paths, f"--output={tmp_path / 'out'}"]
    assert started == [([sys.executable, *words], FOLDER)]


def test_paths_are_those_of_the_folder_where_the_user_is(labeled_set: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": TransFuser6().state_dict()}, tmp_path / "avg.pth")
    tool, config = FOLDER / "tools" / "test_fusion.py", FOLDER / STAGE1
    data = f"test_dataloader.dataset.data_root={labeled_set}"
    words = (config, "avg.pth", "--output", "here", "--cfg-options", data)
    answer = run_script(str(tool), *words, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [path.stem for path in (tmp_path / "here").iterdir()] == STEMS
    again = call_tool(tmp_path, "test_fusion", *words)
    assert again.status == 1
    assert "--overwrite replaces them" in again.err


@pytest.mark.slow
def test_the_package_installs(tmp_path: Path) -> None:
    """`pip install -e .` in mmseg_bffr/, without what it depends on."""
    folder = tmp_path / "mmseg_bffr"
    shutil.copytree(FOLDER / "mmseg_bffr", folder, ignore=shutil.ignore_patterns("__pycache__"))
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    words = [python, "-m", "pip", "install", "-q", "--no-deps", "-e", "."]
    subprocess.run(words, cwd=folder, check=True, env=quiet_environment())
    look = "import importlib.util as u; print(u.find_spec('mmseg_bffr').origin)"
    answer = subprocess.run([python, "-c", look], capture_output=True, text=True, cwd=tmp_path)
    assert Path(answer.stdout.strip()) == folder / "__init__.py"
