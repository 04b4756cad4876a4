"""run_scripts/ on a copy of the method; README.md's parameters against the parser's."""

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from torch.utils.tensorboard import SummaryWriter

from configs import build_parser
from tests.helpers import FOLDER, copy_method, put_photos, quiet_environment, runs_of, scalars
from utils.common.flags import optional_path

SMALL = ("--crop_size", "16", "--device", "cpu", "--num_epochs", "2")


@pytest.fixture
def method(tmp_path: Path) -> Path:
    """A copy of the method, and four photographs beside it."""
    put_photos(tmp_path / "photos", 4)
    copied = copy_method(tmp_path / "a method")
    shutil.copytree(FOLDER / "run_scripts", copied / "run_scripts")
    return copied


def call(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = quiet_environment()
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def log_run(folder: Path, losses: dict[str, list[float]]) -> Path:
    with SummaryWriter(str(folder / "logs")) as writer:
        for name, values in losses.items():
            for epoch, value in enumerate(values):
                writer.add_scalar(name, value, epoch + 1)
    return folder


def draw(output: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = FOLDER / "run_scripts" / "loss.py"
    return call(sys.executable, script, *arguments, "--output", output, cwd=output.parent)


def test_the_images_command_runs_in_the_folder_alone(tmp_path: Path) -> None:
    """The Docker image holds a copy of this folder and starts this command in it."""
    left_out = (FOLDER / ".dockerignore").read_text().split()
    image = shutil.copytree(
        FOLDER, tmp_path / "image", ignore=shutil.ignore_patterns(*left_out, "tests")
    )
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    [command] = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD ")]
    done = call(*json.loads(command), cwd=image)
    assert done.returncode == 0, done.stderr
    assert "--strategy" in done.stdout


def test_one_call_trains_and_draws(tmp_path: Path, method: Path) -> None:
    """From another folder, with a path relative to that one."""
    done = call("bash", method / "run_scripts/test.sh", *SMALL, "--image_path=photos", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = runs_of(method)
    assert len(scalars(run, "loss/train")) == 2
    assert f"{run.name}: loss {scalars(run, 'loss/train')[-1]:.6g} after epoch 2" in done.stdout
    picture = cv2.imread(str(method / "run_scripts" / "loss.jpg"))
    assert picture is not None
    assert picture.shape == (600, 960, 3)


def test_the_exit_status_of_the_training_is_passed_on(tmp_path: Path, method: Path) -> None:
    script = method / "run_scripts" / "run_DenseFuse.py"
    done = call(sys.executable, script, "--image_path", "photos", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert f"no folder {tmp_path / 'nowhere'} (--image_path)" in done.stderr
    done = call("bash", method / "run_scripts" / "test.sh", "--lr", "fast", cwd=tmp_path)
    assert done.returncode == 2
    assert "argument --lr" in done.stderr
    assert not (method / "run_scripts" / "loss.jpg").exists()


def test_curves_have_the_losses_that_were_logged(tmp_path: Path) -> None:
    """On a logarithmic scale, the dots of a run in the color of its line."""
    falling = log_run(tmp_path / "train_a", {"loss/train": [1.0, 0.25, 0.0625]})
    held_out = log_run(tmp_path / "train_b", {"loss/train": [0.5, 0.5], "loss/val": [2.0, 4.0]})
    loss = runpy.run_path(str(FOLDER / "run_scripts" / "loss.py"))
    runs = {run.name: loss["read_run"](run, "loss") for run in (falling, held_out)}
    [axes] = loss["draw"](runs, "loss").axes
    one, other, dots = axes.get_lines()
    assert axes.get_yscale() == "log"
    assert one.get_xydata().tolist() == [[1, 1.0], [2, 0.25], [3, 0.0625]]
    assert dots.get_xydata().tolist() == [[1, 2.0], [2, 4.0]]
    assert dots.get_color() == other.get_color() != one.get_color()


@pytest.mark.parametrize(
    ("losses", "arguments", "message"),
    [
        ({"loss/train": [1.0]}, ["--loss", "accuracy"], "no curve 'accuracy'"),
        ({"loss/train": [0.0, 0.0]}, [], "above 0"),
        ({}, [], "no curve 'loss'"),
    ],
)
def test_runs_without_a_curve(
    tmp_path: Path, losses: dict[str, list[float]], arguments: list[str], message: str
) -> None:
    done = draw(tmp_path / "loss.png", log_run(tmp_path / "run", losses), *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert not (tmp_path / "loss.png").exists()


def test_every_path_of_the_training_is_resolved() -> None:
    argument = runpy.run_path(str(FOLDER / "run_scripts" / "argument.py"))
    actions = [action for group in build_parser().groups for action in group.actions]
    takes_path = [a.option_strings[0] for a in actions if a.type in (Path, optional_path)]
    assert len(takes_path) == 2
    for flag in takes_path:
        absolute = str(Path("a/b").absolute())
        assert argument["resolve"]([flag, "a/b", "--lr", "1"]) == [flag, absolute, "--lr", "1"]
        assert argument["resolve"]([f"{flag}=a/b"]) == [f"{flag}={absolute}"]
    assert argument["resolve"](["--resume_path", "None"]) == ["--resume_path", "None"]


def test_the_readme_has_every_parameter_and_its_default() -> None:
    lines = (FOLDER / "run_scripts" / "README.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `--")]
    actions = [action for group in build_parser().groups for action in group.actions]
    assert [(row[0].strip("`").split()[0], row[1]) for row in rows] == [
        (action.option_strings[0], default(action)) for action in actions
    ]


def default(action: argparse.Action) -> str:
    values = action.default if isinstance(action.default, list) else [action.default]
    shown = [os.path.relpath(v, FOLDER) if isinstance(v, Path) else str(v) for v in values]
    return " ".join(shown)
