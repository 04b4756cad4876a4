"""Draw the demo's sources and every method's results on one sheet.

    python tools/contact_sheet.py demo_result --output contact_sheet.png

One row per scene: infrared, visible, then the methods; below them the exposure brackets. The
results of a method lie in a folder of its name, each under its scene's name.
"""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "common_data" / "demo"
CELL = (240, 320)  # height and width, pixels
GAP = 8
CAPTION = 28  # height of a line of text
PAPER, INK = 255, (60, 60, 60)

Image = NDArray[np.uint8]
Row = list[tuple[str, Path | None]]  # captions and images from left to right


def find_rows(results: Path, only: Sequence[str] = ()) -> list[Row]:
    """Return what goes on the sheet; a result that a method has not made is None.

    Args:
        results: Holds a folder of fused images per method.
        only: Names of scenes, or nothing for all.

    Raises:
        ValueError: a name is no scene's.
    """
    methods = sorted(path for path in results.glob("*") if path.is_dir())
    pairs = {path.stem: path for path in sorted((DEMO / "ir_vis" / "ir").glob("*.png"))}
    scenes = sorted(path for path in (DEMO / "exposures").glob("*") if path.is_dir())
    brackets = {path.name: path for path in scenes}
    rows: list[Row] = []
    if unknown := set(only) - pairs.keys() - brackets.keys():
        raise ValueError(f"no scene {' '.join(sorted(unknown))} in {DEMO} (--scenes)")
    for stem, infrared in pairs.items():
        if only and stem not in only:
            continue
        visible = DEMO / "ir_vis" / "vis" / infrared.name
        row: Row = [("infrared", infrared), ("visible", visible)]
        rows.append([*row, *results_of(methods, stem, among=pairs)])
    for name, folder in brackets.items():
        if only and name not in only:
            continue
        exposures = sorted(folder.glob("*.png"), key=lambda path: float(read(path).mean()))
        row = [("under", exposures[0]), ("over", exposures[-1])]
        rows.append([*row, *results_of(methods, name, among=brackets)])
    return rows


def results_of(methods: Sequence[Path], name: str, among: Collection[str]) -> Row:
    """Return the results for a scene, of all methods that have fused any of its kind."""
    return [
        (method.name, file if (file := method / f"{name}.png").is_file() else None)
        for method in methods
        if any((method / f"{other}.png").is_file() for other in among)
    ]


def draw(rows: Sequence[Row]) -> Image:
    """Return the sheet, (H, W, 3) in B, G, R order."""
    height, width = CELL[0] + CAPTION + GAP, CELL[1] + GAP
    size = (len(rows) * height + GAP, max(map(len, rows)) * width + GAP, 3)
    sheet = np.full(size, PAPER, np.uint8)
    for i, row in enumerate(rows):
        for j, (caption, path) in enumerate(row):
            top, left = GAP + i * height, GAP + j * width
            text = caption if path else f"{caption}: no result"
            at = (left, top + CAPTION - 9)
            cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.55, INK, 1, cv2.LINE_AA)
            if path:
                top += CAPTION
                sheet[top : top + CELL[0], left : left + CELL[1]] = fit(path)
    return sheet


def read(path: Path) -> Image:
    """Return an image as (H, W, 3) of 8 bits, in B, G, R order."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} cannot be read")
    return image.astype(np.uint8)


def fit(path: Path) -> Image:
    """Return an image scaled into a cell, in its middle."""
    image = read(path)
    scale = min(CELL[0] / image.shape[0], CELL[1] / image.shape[1])
    height, width = (round(side * scale) for side in image.shape[:2])
    top, left = (CELL[0] - height) // 2, (CELL[1] - width) // 2
    cell = np.full((*CELL, 3), PAPER, np.uint8)
    cell[top : top + height, left : left + width] = cv2.resize(
        image, (width, height), interpolation=cv2.INTER_AREA
    )
    return cell


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the sheet and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, help="holds a folder of fused images per method")
    parser.add_argument("--output", type=Path, default=ROOT / "contact_sheet.png")
    parser.add_argument("--scenes", nargs="+", default=[], help="draw these scenes, not all")
    args = parser.parse_args(argv)
    try:
        rows = find_rows(args.results, args.scenes)
    except ValueError as error:
        sys.exit(f"error: {error}")
    if not rows:
        sys.exit(f"error: no demo scenes in {DEMO}")
    if not cv2.imwrite(str(args.output), draw(rows)):
        sys.exit(f"error: cannot write {args.output}")
    print(f"Contact sheet: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
