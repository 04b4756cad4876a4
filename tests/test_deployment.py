"""The examples of docs/deployment.md for many machines do what they say, started here by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
METHOD = ROOT / "DenseFuse_2019"
PAGE = (ROOT / "docs" / "deployment.md").read_text("utf-8")
NAMES = ["a.png", "b.png", "c.png"]


def blocks(heading: str, language: str) -> list[str]:
    """Return the code under a heading, of one language."""
    [section] = re.findall(rf"^### {heading}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs, a folder of commands, and what one run makes of the pairs: `whole`."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for side in ("ir", "vis"):
        (folder / side).mkdir()
        for name in NAMES:
            pixels = cv2.GaussianBlur(rng.normal(128, 300, (32, 32)), (0, 0), 3)
            cv2.imwrite(str(folder / side / name), pixels.clip(0, 255).astype(np.uint8))
    (folder / "bin").mkdir()
    for command, does in (("python", f"exec {sys.executable}"), ("srun", "exec")):
        (folder / "bin" / command).write_text(f'#!/bin/sh\n{does} "$@"\n')
        (folder / "bin" / command).chmod(0o755)
    start(data_command(folder, "whole"), folder, METHOD)
    return folder


def data_command(folder: Path, target: str) -> str:
    return (
        f"python run_fusion.py --ir {folder}/ir --vis {folder}/vis --output {folder}/{target} "
        "--device cpu"
    )


def start(script: str, data: Path, where: Path, **variables: str) -> None:
    """Run a script with the commands of `data`, and variables in place of a scheduler's."""
    numbered = ("SLURM", "RANK", "WORLD_SIZE", "JOB_COMPLETION")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(numbered)}
    environment |= {"PATH": f"{data / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment |= {"IR": str(data / "ir"), "VIS": str(data / "vis"), **variables}
    words = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def same_results(folder: Path, expected: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    for name in NAMES:
        assert (folder / name).read_bytes() == (expected / name).read_bytes()


@pytest.mark.slow
@pytest.mark.xdist_group("deployment")
def test_slurm(data: Path) -> None:
    [script] = blocks("SLURM", "bash")
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    assert "#SBATCH --array=1-100\n" in script
    array = {"COUNT": "2", "MIN": "1", "MAX": "2", "STEP": "1"}
    for task in ("1", "2"):
        variables = {f"SLURM_ARRAY_TASK_{k}": v for k, v in {**array, "ID": task}.items()}
        start(script, data, ROOT, FUSED=str(data / "slurm"), SLURM_CPUS_PER_TASK="1", **variables)
    same_results(data / "slurm", data / "whole")


@pytest.mark.slow
@pytest.mark.xdist_group("deployment")
@pytest.mark.parametrize("number", [0, 1], ids=["parallel", "xargs"])
def test_processes_of_one_machine(data: Path, number: int) -> None:
    script = blocks("GNU parallel", "bash")[number]
    if number == 0 and not shutil.which("parallel"):
        pytest.skip("GNU parallel is not installed")
    start(script, data, METHOD, FUSED=str(data / f"processes{number}"))
    same_results(data / f"processes{number}", data / "whole")


@pytest.mark.slow
@pytest.mark.xdist_group("deployment")
def test_kubernetes(data: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    [text] = blocks("Kubernetes", "yaml")
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    [container] = spec["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["JOB_COMPLETIONS"] == str(spec["completions"])
    [mount] = container["volumeMounts"]
    assert [mount["name"]] == [volume["name"] for volume in spec["template"]["spec"]["volumes"]]
    command = " ".join(container["command"]).replace(mount["mountPath"], str(data))
    environment["JOB_COMPLETIONS"] = "2"
    for index in ("0", "1"):
        start(command, data, METHOD, JOB_COMPLETION_INDEX=index, **environment)
    same_results(data / "fused", data / "whole")


@pytest.mark.slow
@pytest.mark.xdist_group("deployment")
def test_scores(data: Path, tmp_path: Path) -> None:
    [script] = blocks("Scores", "bash")
    variables = {"PYTHONPATH": str(ROOT), "FUSED": str(data / "whole")}
    start(script, data, tmp_path, **variables)
    whole = "python -m benchmark.evaluate --ir $IR --vis $VIS --fused DenseFuse=$FUSED"
    start(f"{whole} --metrics en mi --output whole.csv", data, tmp_path, **variables)
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_every_script_is_sound() -> None:
    scripts = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(scripts) > 3
    for script in scripts:
        subprocess.run(["bash", "-n", "-c", script], check=True)
