"""Draw the scenes on which a method scores worst: `python -m tools.worst --data tno ...`."""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2

from benchmark.evaluate import named_path, natural
from benchmark.image_files import index_images, scene_name
from benchmark.image_sets import ImageSet, find_set
from benchmark.metrics import COLUMNS
from benchmark.output_paths import check_no_input, check_writable
from tools.contact_sheet import Row, draw


class Scored(NamedTuple):
    """A scene and the method's score on it."""

    scene: str
    score: float


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.worst",
        description="Draw the scenes on which a method scores worst, the worst one first: sources "
        "and results, one row a scene. It needs the scores of benchmark.run or "
        "benchmark.evaluate.",
    )
    parser.add_argument("--data", required=True, help="the set, as of benchmark.run")
    parser.add_argument("--split", help="its list, as of benchmark.run")
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--metric", choices=COLUMNS, required=True, help="column that decides")
    parser.add_argument(
        "--fused",
        type=named_path,
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME=DIR",
        help="fused images of the method, named as in the scores, and of others to draw beside it",
    )
    parser.add_argument("--count", type=natural, default=10, help="of scenes (default: 10)")
    parser.add_argument("--output", type=Path, required=True, help="picture to write")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing --output")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the sheet, print the scenes, and return the exit status."""
    args = build_parser().parse_args(argv)
    try:
        check_writable(args.output, "file")
        if args.output.exists() and not args.overwrite:
            raise ValueError(f"{args.output} exists; replace it with --overwrite")
        method, _ = args.fused[0]
        images = find_set(args.data, args.split)
        scored = order(args.scores, method, args.metric)[: args.count]
        rows = find_rows(images, scored, args.metric, dict(args.fused))
        files = [path for row in rows for _, path in row if path]
        check_no_input([args.output], [args.scores, *files])
        if not cv2.imwrite(str(args.output), draw(rows)):
            raise ValueError(f"cannot write {args.output} (--output)")
    except (OSError, ValueError, cv2.error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for scene, score in scored:
        print(f"{score:.4f} {scene}")
    print(f"Picture: {args.output}")
    return 0


def order(file: Path, method: str, metric: str) -> list[Scored]:
    """Return a method's scenes by their scores, the worst one first.

    Raises:
        ValueError: The table lacks the metric or the method, or a cell is not a number.
    """
    with file.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream, restval="")
        rows, columns = list(reader), reader.fieldnames or []
    if missing := [name for name in ("method", "image", metric) if name not in columns]:
        raise ValueError(f"{file} (--scores) has no column {missing[0]}: {', '.join(columns)}")
    try:
        own = [Scored(row["image"], float(row[metric])) for row in rows if row["method"] == method]
    except ValueError as error:
        raise ValueError(f"{file} (--scores), column {metric}: {error}") from error
    if not own:
        known = ", ".join(dict.fromkeys(row["method"] for row in rows))
        raise ValueError(f"{file} (--scores) has no method {method} (--fused); it has {known}")
    return sorted(own, key=lambda each: each.score, reverse=not COLUMNS[metric].higher_is_better)


def find_rows(
    images: ImageSet, scored: Sequence[Scored], metric: str, fused: Mapping[str, Path]
) -> list[Row]:
    """Return what the sheet shows; the score stands beside the name of the first method.

    Raises:
        ValueError: A scene is not in the set, or a method has no result for it.
    """
    if strange := [each.scene for each in scored if each.scene not in images.scenes]:
        raise ValueError(f"{strange[0]} (--scores) is no scene of {images.name} (--data)")
    results = {
        name: index_images(folder, f"--fused {name}", scene_name) for name, folder in fused.items()
    }
    rows = []
    for scene, score in scored:
        if lacking := [name for name, files in results.items() if scene not in files]:
            raise ValueError(f"{fused[lacking[0]]} (--fused {lacking[0]}) has no image for {scene}")
        sources: Row = list(zip(images.labels(scene), images.scenes[scene], strict=True))
        found: Row = [(name, files[scene]) for name, files in results.items()]
        method, file = found[0]
        found[0] = (f"{method}: {COLUMNS[metric].label} {score:.4f}", file)
        rows.append(sources + found)
    return rows


if __name__ == "__main__":
    sys.exit(main())
