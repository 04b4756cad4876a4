"""Kill trainings and fusions at random moments, go on, and compare with what was never stopped.

`python tests/kill_and_resume.py --kills 20` does this with DenseFuse on the demo images; it takes
about ten minutes, so it is not one of the tests. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "common_data" / "demo" / "ir_vis"
TRAIN = (
    f"run_train.py --image_path {DEMO / 'vis'} --crop_size 64 --sampling crop --batch_size 1 "
    "--num_epochs 12 --device cpu"
).split()
PAIRS = 200
SIDE = 96  # pixels


def start(method: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start one of the method's scripts, silently."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *command], cwd=method, env=environment, **quiet)


def finish(method: Path, command: Sequence[str]) -> float:
    """Run a script to its end and return how long that took, seconds."""
    began = time.monotonic()
    if status := start(method, command).wait():
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return time.monotonic() - began


def kill_at(method: Path, command: Sequence[str], seconds: float) -> None:
    """Start a script and kill it after a while, if it still runs."""
    process = start(method, command)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def strays(folder: Path) -> list[Path]:
    """Return the temporary files below a folder."""
    return [path for path in folder.rglob("*.tmp") if path.is_file()]


def trained(method: Path) -> dict[str, torch.Tensor]:
    """Return the last weights of the only run, and clear the runs away."""
    [run] = (method / "runs").iterdir()
    return torch.load(run / "checkpoints" / "last.pth", weights_only=True)["model"]


def check_training(method: Path, kills: int, rng: random.Random) -> list[str]:
    """Return what was wrong with trainings that were killed once each."""
    wrong = []
    runs = method / "runs"
    whole = finish(method, TRAIN)
    expected = trained(method)
    for number in range(kills):
        shutil.rmtree(runs)
        runs.mkdir()
        moment = rng.uniform(0, 1.1 * whole)
        kill_at(method, TRAIN, moment)
        found = [run for run in runs.iterdir() if (run / "checkpoints" / "last.pth").is_file()]
        left = len(strays(runs))
        if not found:  # nothing to go on with yet
            shutil.rmtree(runs)
        finish(method, [*TRAIN, "--resume_path", str(found[0])] if found else TRAIN)
        weights = trained(method)
        equal = all(torch.equal(weights[name], expected[name]) for name in expected)
        print(f"training {number + 1}: killed at {moment:.1f} s, {left} left, equal: {equal}")
        if not equal or strays(runs):
            wrong.append(f"training killed at {moment:.1f} s: equal {equal}, {strays(runs)}")
    return wrong


def make_pairs(folder: Path) -> list[str]:
    """Write random pairs and return the flags that name them."""
    rng = np.random.default_rng(0)
    for side, channels in (("ir", 1), ("vis", 3)):
        (folder / side).mkdir(parents=True)
        for number in range(PAIRS):
            pixels = rng.integers(0, 256, (SIDE, SIDE, channels), np.uint8)
            cv2.imwrite(str(folder / side / f"{number:03d}.png"), pixels)
    return ["--ir", str(folder / "ir"), "--vis", str(folder / "vis"), "--device", "cpu"]


def check_fusing(method: Path, kills: int, rng: random.Random) -> list[str]:
    """Return what was wrong with fusions that were killed once each."""
    wrong = []
    flags = make_pairs(method / "pairs")
    command = ["run_fusion.py", *flags, "--overwrite", "--output", "fused"]
    whole = finish(method, command)
    expected = {path.name: path.read_bytes() for path in (method / "fused").iterdir()}
    if len(expected) != PAIRS:
        raise SystemExit(f"{len(expected)} of {PAIRS} pairs were fused")
    for number in range(kills):
        shutil.rmtree(method / "fused", ignore_errors=True)
        moment = rng.uniform(0, 1.1 * whole)
        kill_at(method, command, moment)
        there = sorted((method / "fused").iterdir()) if (method / "fused").is_dir() else []
        whole_files = [path for path in there if path.suffix == ".png"]
        sound = all(path.read_bytes() == expected[path.name] for path in whole_files)
        finish(method, command)
        found = {path.name: path.read_bytes() for path in (method / "fused").iterdir()}
        equal = found == expected
        print(
            f"fusing {number + 1}: killed at {moment:.1f} s after {len(whole_files)} results, "
            f"{len(there) - len(whole_files)} left, sound: {sound}, equal: {equal}"
        )
        if not (sound and equal):
            wrong.append(f"fusing killed at {moment:.1f} s: sound {sound}, equal {equal}")
    return wrong


def main() -> int:
    """Kill, go on, compare, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of trainings, and of fusions")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    checks: list[Callable[[Path, int, random.Random], list[str]]] = [check_training, check_fusing]
    wrong = []
    for check in checks:
        with tempfile.TemporaryDirectory() as scratch:
            method = Path(scratch) / "DenseFuse_2019"
            leave = shutil.ignore_patterns("runs", "tests", "data_*", "__pycache__")
            shutil.copytree(ROOT / "DenseFuse_2019", method, ignore=leave)
            wrong += check(method, args.kills, rng)
    print(
        "\n".join(wrong) or f"{args.kills} trainings and {args.kills} fusions went on as if whole"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
