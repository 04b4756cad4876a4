"""docs/train.slurm starts one training on several nodes; here stand-ins of SLURM are the nodes."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRUN = '#!/bin/bash\nfor node in $(seq "$SLURM_NNODES"); do "$@" & done\nwait -n && wait -n\n'
SCONTROL = '#!/bin/bash\n[ "$*" = "show hostnames here,there" ] && echo localhost && echo there\n'
TORCHRUN = f'#!/bin/bash\nexec "{sys.executable}" -m torch.distributed.run "$@"\n'


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_two_nodes_train_together(tmp_path: Path) -> None:
    leave = shutil.ignore_patterns("runs", "tests", "weights", "__pycache__", ".*")
    method = Path(shutil.copytree(ROOT / "DenseFuse_2019", tmp_path / "method", ignore=leave))
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("torchrun", TORCHRUN)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    slurm = {"NNODES": "2", "JOB_NODELIST": "here,there", "JOB_ID": "7", "CPUS_PER_TASK": "1"}
    environment = {
        **os.environ,
        **{f"SLURM_{name}": value for name, value in slurm.items()},
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(free_port()),
    }
    flags = "--device cpu --crop_size 16 --batch_size 1 --num_epochs 1 --val_fraction 0"
    command = ["bash", str(ROOT / "docs" / "train.slurm"), *flags.split()]
    done = subprocess.run(
        command, cwd=method, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    ready = r"Device ready: cpu\S*, processes: 2(?!\d)"  # lines of the two may run together
    assert len(re.findall(ready, done.stdout)) == 2
    [run] = (method / "runs").iterdir()
    assert (run / "checkpoints" / "best.safetensors").is_file()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "submit it: sbatch"), ({"SLURM_JOB_NODELIST": "host-1"}, "no run_train.py in")],
)
def test_a_wrong_start_is_an_error(variables: dict[str, str], message: str, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        ["bash", str(ROOT / "docs" / "train.slurm")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
