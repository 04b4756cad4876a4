"""Damage weights, run checkpoints and images in many ways, and count how their readers end.

`python tests/mutate_readers.py` gives each of the five methods its share; each is read in a
process of its own. A reader ends well with a result or with an `InputError`. Also counted are
pictures that are taken although their last 16x16 pixels, unlike the sound picture's, are of one
value, as where a decoder ran out of data. Plain TIFF, BMP and WebP files are left out of that: in
them zeros are data like others, and their decoders refuse a file that ends too early.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
METHODS = sorted(path.name for path in ROOT.glob("*_20[0-9][0-9]"))
RAW = ("plain TIFF", "BMP", "WebP")
Damage = Callable[[bytes, random.Random], bytes]
Reader = Callable[[Path], object]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 3, 20))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_head(data: bytes, rng: random.Random) -> bytes:
    return flip(data[:700], rng) + data[700:]


def flip_end(data: bytes, rng: random.Random) -> bytes:
    return data[:-700] + flip(data[-700:], rng)


def zero(data: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(data)), rng.choice((1, 16, 64, 512, 4096))
    end = min(start + length, len(data))
    return data[:start] + bytes(end - start) + data[end:]


def remove(data: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(data)), rng.choice((1, 64, 512, len(data) // 3))
    return data[:start] + data[start + length :]


def swap(data: bytes, rng: random.Random) -> bytes:
    middle, start = len(data) // 2, rng.choice((0, len(data) // 4))
    return data[:start] + data[middle:] + data[start:middle]


def replace(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(64) + data[start + 64 :]


DAMAGES: tuple[Damage, ...] = (cut, flip, flip_head, flip_end, zero, remove, swap, replace)


def damage_entries(state: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return a checkpoint whose entries are lacking, renamed, or of another kind or shape."""
    import torch

    kinds: tuple[Callable[[Any], Any], ...] = (
        lambda value: None,
        lambda value: [value],
        lambda value: {"inner": value, 1: 2},
        lambda value: "text",
        lambda value: -1.5,
        lambda value: torch.ones(3, 0),
        lambda value: value.long() if isinstance(value, torch.Tensor) else float("nan"),
        lambda value: value * torch.nan if isinstance(value, torch.Tensor) else 10**40,
        lambda value: value[..., None] if isinstance(value, torch.Tensor) else True,
        lambda value: value.flatten()[:1] if isinstance(value, torch.Tensor) else {},
    )

    def copied(value: Any) -> Any:
        return {k: copied(v) for k, v in value.items()} if isinstance(value, dict) else value

    changed = copied(state)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = changed
        while True:
            if not place:
                break
            name = rng.choice(list(place))
            if isinstance(place[name], dict) and rng.random() < 0.7:
                place = place[name]
                continue
            value = place.pop(name)
            if rng.random() < 0.8:
                place[name if rng.random() < 0.8 else rng.choice(("x", 7))] = rng.choice(kinds)(
                    value
                )
            break
    return changed


def ending(reader: Reader, path: Path) -> tuple[str, object]:
    """Return how reading a file ends, and its result or its traceback."""
    from utils.utils import InputError

    try:
        return "read", reader(path)
    except InputError:
        return "refused", None
    except BaseException:  # noqa: BLE001 - also the panics of libraries, to be counted
        return "traceback", traceback.format_exc()


def saved(state: object, **options: bool) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


def weights_files() -> list[tuple[str, bytes | dict[str, Any], Reader]]:
    """Return a method's kinds of weights: suffix, content or entries, and what reads them."""
    import numpy as np

    from tests.method import NAME, build
    from utils.common.checkpoint import to_safetensors
    from utils.util_weights import load_model

    state = build().state_dict()
    packed = io.BytesIO()
    np.savez(packed, **{name: value.numpy() for name, value in state.items()})
    found: list[tuple[str, bytes | dict[str, Any], Reader]] = [
        (".pth", saved(state), load_model),
        (".pth", saved({"model": state}, _use_new_zipfile_serialization=False), load_model),
        (".safetensors", to_safetensors(state, {"seed": "0", "loss": "0.1"}), load_model),
        (".npz", packed.getvalue(), load_model),
        (".pth", {"model": state, "epoch": 3}, load_model),
        (".pth", dict(state), load_model),
    ]
    if NAME == "U2Fusion":
        found += _vgg_files()
    return found + (_segmenter_files() if NAME == "BFFR" else _run_files())


def _run_files() -> list[tuple[str, bytes | dict[str, Any], Reader]]:
    """Return a run's checkpoint, which is read as `--resume_path` is."""
    from tests.common.test_run_state import Extra, checkpoint, resumed, run_state
    from utils.common.checkpoint import load_checkpoint

    def reader(path: Path) -> object:
        return resumed(path.parent, load_checkpoint(path), Extra())

    state = checkpoint(run_state(1, Extra()))
    return [(".pth", saved(state), reader), (".pth", state, reader), (".pth", state, reader)]


def _vgg_files() -> list[tuple[str, bytes | dict[str, Any], Reader]]:
    from tests.method import stand_in
    from utils.common.checkpoint import load_checkpoint
    from utils.vgg import InformationMeasure

    state = {k: v for k, v in load_checkpoint(stand_in()).items() if k != "about"}
    content = stand_in().read_bytes()
    return [
        (".safetensors", content, InformationMeasure.load),
        (".pth", state, InformationMeasure.load),
    ]


def _segmenter_files() -> list[tuple[str, bytes | dict[str, Any], Reader]]:
    from tests.method import random_segmenter
    from utils.util_weights import load_segmenter

    model = random_segmenter()
    state = dict(model.state_dict())

    def reader(path: Path) -> object:
        return load_segmenter(model, path)

    backbone = {n.removeprefix("backbone."): v for n, v in state.items() if "backbone" in n}
    theirs = {"patch_embed1.proj.weight": backbone["layers.0.0.projection.weight"]}
    return [
        (".pth", {"state_dict": state}, reader),
        (
            ".pth",
            {**backbone, **theirs, "block1.0.attn.q.weight": theirs[next(iter(theirs))]},
            reader,
        ),
        (".pth", saved(state), reader),
    ]


def image_files() -> dict[str, tuple[str, bytes]]:
    """Return sound images of every kind that is read: suffix and content."""
    import cv2
    import numpy as np
    from PIL import Image

    from tests.helpers import picture

    def encoded(suffix: str, *options: int, channels: int = 3, dtype: type = np.uint8) -> bytes:
        pixels = picture(1, 93, 131, channels, dtype)
        return cv2.imencode(suffix, pixels, options)[1].tobytes()

    def by_pillow(kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture(1, 93, 131)).save(file, kind, **options)
        return file.getvalue()

    return {
        "PNG": (".png", encoded(".png")),
        "PNG, 16 bits": (".png", encoded(".png", channels=1, dtype=np.uint16)),
        "JPEG": (".jpg", encoded(".jpg")),
        "gray JPEG": (".jpg", encoded(".jpg", channels=1)),
        "progressive JPEG": (".jpg", encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        "JPEG with restarts": (".jpg", encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4)),
        "optimized JPEG": (".jpg", by_pillow("JPEG", optimize=True, subsampling=0, quality=60)),
        "LZW TIFF": (".tif", encoded(".tif")),
        "deflated TIFF": (".tif", by_pillow("TIFF", compression="tiff_adobe_deflate")),
        "TIFF, 16 bits": (".tif", encoded(".tif", dtype=np.uint16)),
        "plain TIFF": (".tif", by_pillow("TIFF")),
        "BMP": (".bmp", encoded(".bmp")),
        "WebP": (".webp", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)),
    }


def read_weights(count: int, rng: random.Random, folder: Path) -> Counter[str]:
    """Read `count` damaged weights files and return how that ended."""
    counts: Counter[str] = Counter()
    kinds = weights_files()
    for number in range(count):
        suffix, content, reader = kinds[number % len(kinds)]
        if isinstance(content, dict):
            data = saved(damage_entries(content, rng))
        else:
            data = rng.choice(DAMAGES)(content, rng)
        path = folder / f"damaged{suffix}"
        path.write_bytes(data)
        end, result = ending(reader, path)
        counts[end] += 1
        if end == "traceback":
            print(result, file=sys.stderr)
    return counts


def read_images(count: int, rng: random.Random, folder: Path) -> Counter[str]:
    """Read `count` damaged images and return how that ended, and how many are flat at their end."""
    from utils.common.image import read_image

    counts: Counter[str] = Counter()
    kinds = image_files()
    for number in range(count):
        kind = list(kinds)[number % len(kinds)]
        suffix, content = kinds[kind]
        damage = rng.choice(DAMAGES)
        path = folder / f"damaged{suffix}"
        path.write_bytes(damage(content, rng))
        end, result = ending(read_image, path)
        counts[end] += 1
        if end == "traceback":
            print(result, file=sys.stderr)
        if end == "read" and kind not in RAW and is_flat(result):
            counts["flat"] += 1
            print(f"a flat remainder: {kind}, {damage.__name__}", file=sys.stderr)
    return counts


def is_flat(pixels: Any) -> bool:
    """Return True if the last 16x16 pixels are of one value."""
    corner = pixels[-16:, -16:]
    return bool((corner == corner[:1, :1]).all())


def read_all(weights: int, images: int, seed: int) -> dict[str, Counter[str]]:
    """Read damaged files with the method in the working directory."""
    import torch

    torch.manual_seed(seed)  # of the sound weights
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        return {
            "weights": read_weights(weights, rng, Path(folder)),
            "images": read_images(images, rng, Path(folder)),
        }


def read_by(method: str, weights: int, images: int, seed: int) -> dict[str, Counter[str]]:
    """Read damaged files with a method, in a process of its own, and show what went wrong."""
    numbers = [str(number) for number in (weights, images, seed)]
    done = subprocess.run(
        [sys.executable, __file__, "--here", *numbers],
        cwd=ROOT / method,
        env={**os.environ, "PYTHONPATH": str(ROOT / method), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {kind: Counter(counts) for kind, counts in found.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Read every method's share, print the counts, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=int, default=2000, help="weights files, over all methods")
    parser.add_argument("--images", type=int, default=2000, help="images, over all methods")
    parser.add_argument("--seed", type=int, default=0, help="decides what is damaged, and how")
    parser.add_argument("--here", type=int, nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.here:
        print(json.dumps(read_all(*args.here)))
        return 0
    total: dict[str, Counter[str]] = {"weights": Counter(), "images": Counter()}
    for number, method in enumerate(METHODS):
        weights, images = (-(-count // len(METHODS)) for count in (args.weights, args.images))
        for kind, counts in read_by(method, weights, images, args.seed + number).items():
            print(f"{method} {kind}: {line_of(counts)}", flush=True)
            total[kind] += counts
    for kind, counts in total.items():
        print(f"all {kind}: {line_of(counts)}")
    return 1 if any(counts["traceback"] or counts["flat"] for counts in total.values()) else 0


def line_of(counts: Counter[str]) -> str:
    """Return counts as words."""
    return (
        f"{counts['read'] + counts['refused'] + counts['traceback']} files, {counts['read']} read, "
        f"{counts['refused']} refused, {counts['traceback']} tracebacks, "
        f"{counts['flat']} silent flat remainders"
    )


if __name__ == "__main__":
    sys.exit(main())
