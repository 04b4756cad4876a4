"""Compare what a method makes of the demo data with the figures stored in its regression.json.

`bash run_all.sh` calls this after the method's smoke.sh, which trains and fuses; `bash run_all.sh
--update METHOD` stores the figures anew, after a change that is meant to alter them.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parents[1]
FUSED_TOLERANCE = 0.05  # gray levels of 255
LOSS_TOLERANCE = 0.01  # of the stored loss
GRID = 4  # cells a side
LUMA_BGR = (0.114, 0.587, 0.299)


def describe_image(path: Path) -> dict[str, Any]:
    """Return mean, standard deviation and grid means of an image's luma, 0 to 255."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path} cannot be read")
    luma = pixels.astype(np.float64) / (257 if pixels.dtype == np.uint16 else 1)
    luma = luma @ np.array(LUMA_BGR) if luma.ndim == 3 else luma
    cells = [cell for row in np.array_split(luma, GRID) for cell in np.array_split(row, GRID, 1)]
    figures = {"mean": luma.mean(), "std": luma.std()}
    return {name: round(float(value), 3) for name, value in figures.items()} | {
        "grid": [round(float(cell.mean()), 3) for cell in cells]
    }


def measure(fused: Path, runs: Path) -> dict[str, Any]:
    """Return the figures of a folder of fused images and of a training run.

    Args:
        fused: Folder of PNG images.
        runs: Folder of one run, see `read_losses`.
    """
    [run] = runs.iterdir()
    losses = read_losses(run / "logs")
    return {"loss": losses} | {p.stem: describe_image(p) for p in sorted(fused.glob("*.png"))}


def read_losses(logs: Path) -> dict[str, float]:
    """Return the training losses that TensorBoard shows.

    Args:
        logs: Holds the mean loss of each epoch, or a folder with the last losses of each stage.
    """
    losses: dict[str, float] = {}
    for folder in sorted({path.parent for path in logs.rglob("events.*")}):
        events = EventAccumulator(str(folder))
        events.Reload()
        if folder == logs:
            losses |= {f"epoch {e.step}": round(e.value, 4) for e in events.Scalars("loss/train")}
        else:
            found = events.Scalars("loss")
            losses |= {f"{folder.name} {e.step}": round(e.value, 4) for e in found}
    return losses


def compare(found: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Return every figure that is missing, new or out of tolerance, one line each."""
    ours, theirs = dict(_flatten(found)), dict(_flatten(stored))
    problems = [
        f"{name}: only {'stored' if name in theirs else 'found'}"
        for name in sorted(ours.keys() ^ theirs.keys())
    ]
    for name in sorted(ours.keys() & theirs.keys()):
        allowed = FUSED_TOLERANCE
        if name.startswith("loss"):
            allowed = LOSS_TOLERANCE * abs(theirs[name])
        if not abs(ours[name] - theirs[name]) <= allowed:
            problems.append(f"{name}: {ours[name]:g}, stored {theirs[name]:g} +- {allowed:.2g}")
    return problems


def _flatten(figures: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from _flatten(value, f"{name}, {key}" if name else key)
    elif isinstance(figures, list):
        for number, value in enumerate(figures):
            yield f"{name} {number}", value
    else:
        yield name, figures


def main(argv: Sequence[str] | None = None) -> int:
    """Compare or store, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("method", help="a method's folder")
    parser.add_argument("--fused", type=Path, required=True, help="folder of fused demo pairs")
    parser.add_argument("--runs", type=Path, required=True, help="holds the training's run folder")
    parser.add_argument("--update", action="store_true", help="store the figures")
    args = parser.parse_args(argv)
    file = ROOT / args.method / "regression.json"
    if len(list(args.runs.glob("*/logs"))) != 1:
        sys.exit(f"error: there is not one run with logs in {args.runs} (--runs)")
    if not (args.update or file.is_file()):
        sys.exit(f"error: no {file}; `bash run_all.sh --update {args.method}` makes it")
    found = measure(args.fused, args.runs)
    if args.update:
        lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(found[name])}" for name in found)
        file.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        print(f"wrote {file}")
        return 0
    problems = compare(found, json.loads(file.read_text(encoding="utf-8")))
    print("\n".join(problems) or f"{len(list(_flatten(found)))} figures as stored")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
