# From common_code/base/tests/helpers.py; edit it there, then tools/sync.py.
"""Pictures, commands and results that the tests share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FOLDER = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("REFERENCE_DATA", "absent"))  # authors' weights and their outputs
HEIGHT, WIDTH = 33, 47
LAYOUTS = (  # of a set of pairs: where its visible and its infrared image lie
    ("vis/01.png", "ir/01.png"),
    ("VIS_images/01.png", "INF_images/01.png"),
    ("VIS01.png", "IR01.png"),
)


def picture(
    seed: int, height: int = HEIGHT, width: int = WIDTH, channels: int = 3, dtype: type = np.uint8
) -> np.ndarray:
    """Return a smooth random image over the full range: (H, W) or (H, W, 3) in R, G, B order."""
    noise = np.random.default_rng(seed).standard_normal((height, width, channels))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0).reshape(height, width, channels)
    low, high = smooth.min(axis=(0, 1)), smooth.max(axis=(0, 1))
    pixels = np.rint((smooth - low) / (high - low) * np.iinfo(dtype).max).astype(dtype)
    return pixels if channels == 3 else pixels[..., 0]


def put(path: Path, pixels: np.ndarray, options: Sequence[int] = ()) -> Path:
    """Write an image by OpenCV alone, whatever the code under test does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    path.write_bytes(cv2.imencode(path.suffix, bgr, list(options))[1].tobytes())
    return path


def get(path: Path) -> np.ndarray:
    """Read an image as it is in the file, colors as R, G, B."""
    pixels = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED))
    return pixels if pixels.ndim == 2 else pixels[..., 2::-1]


def put_pair(
    folder: Path, stem: str, seed: int = 0, color: bool = True, size: tuple[int, int] = (33, 47)
) -> tuple[Path, Path]:
    """Write `ir/<stem>.png` and `vis/<stem>.png`, aligned, and return both paths."""
    visible = picture(seed, *size, channels=3 if color else 1)
    gray = visible.mean(axis=2) if color else visible
    infrared = np.rint(0.8 * gray + 0.2 * picture(seed + 1000, *size, channels=1))
    infrared = (infrared - infrared.min()) * (255 / np.ptp(infrared))
    ir = put(folder / "ir" / f"{stem}.png", np.rint(infrared).astype(np.uint8))
    return ir, put(folder / "vis" / f"{stem}.png", visible)


def put_layouts(root: Path) -> list[Path]:
    """Write the same pair in each of `LAYOUTS`, into a folder for each, and return these."""
    for number, files in enumerate(LAYOUTS):
        for channels, name in zip((3, 1), files, strict=True):
            put(root / str(number) / name, picture(0, channels=channels))
    return [root / str(number) for number in range(len(LAYOUTS))]


def put_photos(folder: Path, count: int, size: tuple[int, int] = (40, 30)) -> Path:
    """Write `count` color photographs into a folder and return it."""
    for number in range(count):
        put(folder / f"{number:02d}.png", picture(number, *size))
    return folder


def run_script(
    script: str,
    *arguments: object,
    cwd: Path = FOLDER,
    launcher: Sequence[str] = (),
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run one of the folder's scripts as a user does."""
    command = [sys.executable, *launcher, script, *(str(a) for a in arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=timeout, env=quiet_environment()
    )


def quiet_environment() -> dict[str, str]:
    """Return the environment without what would start several processes or other threads."""
    ours = {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    drop = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    return {**{k: v for k, v in os.environ.items() if k not in drop}, **ours}


def copy_method(target: Path) -> Path:
    """Copy the method's code, so that a run leaves nothing in the repository."""
    leave = shutil.ignore_patterns(
        *("runs", "data_*", "fusion_*", "tests", "weights", "run_scripts"),
        *("__pycache__", ".*", "*.log"),
    )
    return Path(shutil.copytree(FOLDER, target, ignore=leave))


def runs_of(method: Path) -> list[Path]:
    """Return the run folders of a copy, by name."""
    return sorted((method / "runs").iterdir())


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    """Return the network of a run's last checkpoint."""
    return torch.load(run / "checkpoints" / "last.pth", weights_only=True)["model"]


def same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Return True if two networks are equal bit by bit."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def scalars(run: Path, name: str) -> list[float]:
    """Return a TensorBoard curve, epoch by epoch, from the files of every start."""
    values: dict[int, float] = {}
    for path in (run / "logs").iterdir():
        events = EventAccumulator(str(path))
        events.Reload()
        if name in events.Tags()["scalars"]:
            values |= {event.step: event.value for event in events.Scalars(name)}
    return [values[step] for step in sorted(values)]
