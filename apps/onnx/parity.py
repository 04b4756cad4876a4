"""Compare exported files with the methods themselves: differences and times, as a Markdown table.

    python parity.py --pairs TNO --scenes MEFB

Every method is exported with each of its fusion rules. onnxruntime and PyTorch fuse the same
images, as float32 in [0, 1], in turns and with equal numbers of threads. Differences are those of
the fused luma (or R, G, B) before rounding. It needs PyTorch and what `run_export.py` needs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from pixels import Array, luma, read_image, to_unit

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("640x480", "333x217", "1280x1024")  # width and height in pixels
LUMA = (0.299, 0.587, 0.114)
EXPORTS = {
    "DeepFuse_2017": ("", "--levels 3"),
    "DenseFuse_2019": (
        *("--strategy addition", "--strategy l1", "--strategy max"),
        "--strategy addition --rgb_mode channels",
    ),
    "NestFuse_2020": (
        *("--attention both", "--attention both --spatial sum", "--attention both --channel max"),
        *("--attention spatial", "--attention channel"),
    ),
    "U2Fusion_2020": ("--sources pair", "--sources exposures"),
    "BFFR_2022": ("",),
}
HEAD = """\
| method | exported with | file, MB | size | largest difference, gray levels | \
PyTorch, s | onnxruntime, s |
|---|---|---|---|---|---|---|"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = argparse.ArgumentParser(
        description="Compare exported files with the methods, in PyTorch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        required=True,
        help="folder of vis/ and ir/, with files of equal names",
    )
    parser.add_argument(
        "--scenes", type=Path, required=True, help="folder of scenes, each with under.* and over.*"
    )
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH", help="in pixels")
    parser.add_argument("--count", type=int, default=2, help="pairs to fuse of each kind")
    parser.add_argument("--rounds", type=int, default=2, help="turns, of which the fastest counts")
    parser.add_argument("--threads", type=int, default=1, help="of the processor, for each")
    parser.add_argument("--methods", nargs="+", choices=EXPORTS, default=list(EXPORTS))
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Print the table."""
    torch.set_num_threads(args.threads)
    print(HEAD)
    for folder in args.methods:
        for flags in EXPORTS[folder]:
            for line in compare(ROOT / folder, flags, args):
                print(line, flush=True)


def compare(folder: Path, flags: str, args: argparse.Namespace) -> Iterator[str]:
    """Export a method and yield a line of the table for each size."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "method.onnx"
        command = [sys.executable, "run_export.py", "--output", str(path), *flags.split()]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        megabytes = path.stat().st_size / 1e6
    about = session.get_modelmeta().custom_metadata_map
    settings = json.loads(about["settings"])
    entry = about["method"].lower()
    fusion = torch.hub.load(str(ROOT), entry, source="local", device="cpu", **settings)
    for size in args.sizes:
        width, height = map(int, size.split("x"))
        difference, seconds = 0.0, [0.0, 0.0]
        for sources in read_sources(args, about, width, height):
            inputs = {
                name: np.ascontiguousarray(np.moveaxis(np.atleast_3d(source), 2, 0)[None])
                for name, source in zip(about["sources"].split(), sources, strict=True)
            }
            each = [
                lambda sources=sources: fusion.fuse(sources),
                lambda inputs=inputs: session.run(None, inputs)[0][0].transpose(1, 2, 0).squeeze(),
            ]
            (expected, found), times = take_turns(each, args.rounds)
            difference = max(difference, float(np.abs(found.clip(0, 1) - expected).max()))
            seconds = [total + t / args.count for total, t in zip(seconds, times, strict=True)]
        yield (
            f"| {about['method']} | {flags or 'its defaults'} | {megabytes:.2f} "
            f"| {size} | {255 * difference:.5f} | {seconds[0]:.2f} | {seconds[1]:.2f} |"
        )


def take_turns(each: Sequence[Callable[[], Array]], rounds: int) -> tuple[list[Array], list[float]]:
    """Call functions in turns, and return what they return and the least seconds that each took."""
    seconds: list[list[float]] = [[] for _ in each]
    results: list[Array] = []
    for _ in range(rounds):
        results = []
        for call, times in zip(each, seconds, strict=True):
            start = time.perf_counter()
            results.append(call())
            times.append(time.perf_counter() - start)
    return results, [min(times) for times in seconds]


def find_files(args: argparse.Namespace, sources: str) -> list[list[Path]]:
    """Return the two files of each pair, or of each scene."""
    if sources == "vis ir":
        visible = sorted((args.pairs / "vis").iterdir())
        return [[path, next((args.pairs / "ir").glob(f"{path.stem}.*"))] for path in visible]
    scenes = sorted(args.scenes.iterdir())
    return [[next(scene.glob(f"{name}.*")) for name in sources.split()] for scene in scenes]


def read_sources(
    args: argparse.Namespace, about: dict[str, str], width: int, height: int
) -> Iterator[list[Array]]:
    """Yield the first pairs of a method's kind, resized, as float32 in [0, 1]."""
    for paths in find_files(args, about["sources"])[: args.count]:
        images = [to_unit(read_image(path)) for path in paths]
        if about["channels"] == "1":
            images = [luma(image, LUMA) for image in images]
        else:
            images = [i if i.ndim == 3 else np.repeat(i[..., None], 3, axis=2) for i in images]
        sized = [cv2.resize(i, (width, height), interpolation=cv2.INTER_AREA) for i in images]
        yield [image.astype(np.float32).clip(0, 1) for image in sized]


if __name__ == "__main__":
    main(parse_args())
