"""Sets of tiny images, and scripts that behave as a method's run_fusion.py."""

from pathlib import Path

import numpy as np

from benchmark.methods import Method
from benchmark.tests.cli import save

SCRIPT = """
import argparse, sys
from pathlib import Path
import cv2
parser = argparse.ArgumentParser()
for flag in ("--ir", "--vis", "--scene_dir", "--output", "--device", "--extra"):
    parser.add_argument(flag)
parser.add_argument("--overwrite", action="store_true")
args = parser.parse_args()
behavior = Path(__file__).stem
if behavior == "silent":
    sys.exit(4)
print("folder", Path.cwd())
print("flags", *sys.argv[1:])
output = Path(args.output)
output.mkdir(parents=True, exist_ok=True)
if args.vis:
    sources = {path.stem: path for path in Path(args.vis).iterdir()}
else:
    sources = {path.name: sorted(path.iterdir())[0] for path in Path(args.scene_dir).iterdir()}
for name, path in sorted(sources.items()):
    if name == "b" and behavior == "failing":
        print(f"error: {path.name} is broken", file=sys.stderr)
        sys.exit(3)
    if name == "b" and behavior == "partial":
        continue
    target = output / f"{name}.png"
    if target.exists() and not args.overwrite:
        sys.exit(f"error: {target} exists; --overwrite replaces it")
    image = cv2.imread(str(path))
    if name == "b" and behavior == "cut":
        image = image[:-1]
    cv2.imwrite(str(target), 255 - image if behavior == "inverse" else image)
print("Mean time: 0.125 seconds per result, without reading and writing")
"""
SIZE = (24, 28)


def stand_in(folder: Path, behavior: str) -> Method:
    """Write a script that copies the visible image or the first exposure.

    Its behaviors: `good`; `inverse` inverts it; for the scene b, `failing` ends with an error,
    `partial` leaves the result out and `cut` writes it too small; `silent` fails at once.
    """
    script = folder / "methods" / f"{behavior}.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(SCRIPT)
    return Method(("pairs", "exposures", "focus"), script.parent, (script.name,))


def add_pairs(folder: Path, names: str) -> None:
    """Write pairs of noise, gray infrared and colored visible images."""
    rng = np.random.default_rng(11)
    for name in names:
        save(folder / f"ir/{name}.png", rng.integers(0, 256, SIZE, dtype=np.uint8))
        save(folder / f"vis/{name}.png", rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8))


def add_scenes(folder: Path, names: str, count: int = 2) -> None:
    """Write scenes of colored noise."""
    rng = np.random.default_rng(12)
    for name in names:
        for number in range(count):
            exposure = rng.integers(0, 256, (48, 52, 3), dtype=np.uint8)
            save(folder / f"{name}/ev{number}.png", exposure)
