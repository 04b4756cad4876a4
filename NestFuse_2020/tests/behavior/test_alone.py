# From common_code/base/tests/behavior/test_alone.py; edit it there, then tools/sync.py.
"""The folder copied elsewhere: what its README says first works, and so does training."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.helpers import FOLDER, get, run_script, runs_of
from tests.method import BRIEF

pytestmark = pytest.mark.xdist_group("alone")  # one copy
WRITTEN = ("runs", "work_dirs", "data_*", "fusion_result", "fusion_test_data", "__pycache__", ".*")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the folder with nothing beside it."""
    target = tmp_path_factory.mktemp("elsewhere") / FOLDER.name
    return Path(shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns(*WRITTEN)))


def first_command(readme: Path) -> list[str]:
    """Return the words after `python` in the first of the page's commands that starts with it."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", readme.read_text("utf-8"), re.M | re.S)
    lines = re.findall(r"^python (.*)$", "\n".join(blocks), re.M)
    return shlex.split(lines[0], comments=True)


def test_the_first_command_of_the_readme_fuses_the_demo(alone: Path) -> None:
    before = {path: get(path) for path in alone.glob("demo/**/*.png")}
    done = run_script(*first_command(alone / "README.md"), cwd=alone)
    assert done.returncode == 0, done.stderr
    results = [path for path in alone.glob("*result/**/*.png") if path not in before]
    assert results
    sizes = {pixels.shape[:2] for pixels in before.values()}
    for path in results:
        fused = get(path)
        assert fused.shape[:2] in sizes
        assert 16 < fused.mean() < 240, path
        assert fused.std() > 10, path


def test_it_trains_on_the_demo(alone: Path) -> None:
    done = run_script("run_train.py", *BRIEF, cwd=alone)
    assert done.returncode == 0, done.stderr
    assert "demo images" in done.stdout
    [run] = runs_of(alone)
    assert list(run.glob("**/*.safetensors"))
