"""hubconf.py: all methods in one process, in any order, from an empty folder, equal to scripts."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
METHODS = [folder.name for folder in sorted(ROOT.glob("*_20[0-9][0-9]"))]
NAMES = [name.rpartition("_")[0].lower() for name in METHODS]
PROGRAM = """
import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

for name in ("PIL", "accelerate", "tensorboard", "torchvision", "tqdm"):
    sys.modules[name] = None  # as if it were not installed
import cv2
import numpy as np
import torch

root, *names = sys.argv[1:]
own = sys.modules["utils"] = ModuleType("utils")  # the caller's
before = sys.path.copy()
images = [cv2.imread(f"{root}/{name}.png", cv2.IMREAD_GRAYSCALE) for name in ("first", "second")]
loaded = {n: torch.hub.load(sys.argv[0], n, source="local", device="cpu") for n in names}
assert sys.path == before
assert sys.modules["utils"] is own
assert not [name for name in sys.modules if name.startswith(("utils.", "models"))]
with ThreadPoolExecutor(4) as pool:
    for name, fused in zip(names, pool.map(lambda n: loaded[n].fuse(images), names)):
        np.save(f"{root}/{name}.npy", fused)
if sys.platform == "linux":
    for name in names:
        save = lambda: np.save(f"{root}/{name}.child.npy", loaded[name].fuse(images))
        child = multiprocessing.get_context("fork").Process(target=save, daemon=True)
        child.start()
        child.join(60)
        assert child.exitcode == 0, f"{name} in a child: {child.exitcode}"
"""


def fuse_all(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the results of methods that one process loads in this order, in an empty folder."""
    code = f"import sys; sys.argv[0] = {str(ROOT)!r}\n{PROGRAM}"
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code, str(folder), *names]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(empty.iterdir())
    return {name: np.load(folder / f"{name}.npy") for name in names}


@pytest.mark.slow
def test_all_methods_in_one_process_fuse_as_their_scripts_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("first", "second"):
        blocks = rng.integers(0, 256, (8, 10), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.kron(blocks, np.ones((9, 8), np.uint8)))
    found = fuse_all(tmp_path, NAMES)
    again = fuse_all(tmp_path, NAMES[::-1])
    sources = ("--images", tmp_path / "first.png", tmp_path / "second.png")
    for method, name in zip(METHODS, NAMES, strict=True):
        output = tmp_path / f"{method}.png"
        words = [sys.executable, "run_fusion.py", *sources, "--output", output, "--device", "cpu"]
        subprocess.run(list(map(str, words)), cwd=ROOT / method, capture_output=True, check=True)
        written = cv2.imread(str(output), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found[name], written)
        np.testing.assert_array_equal(again[name], written)
        if sys.platform == "linux":  # a child has one thread, which sums in another order
            child = np.load(tmp_path / f"{name}.child.npy").astype(int)
            assert np.abs(child - written).max() <= 1
