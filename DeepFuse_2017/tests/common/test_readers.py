# From common_code/base/tests/common/test_readers.py; edit it there, then tools/sync.py.
"""Whatever a file holds, readers return a result or raise an `InputError`."""

import functools
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import picture
from tests.method import build
from utils.common.checkpoint import load_checkpoint, to_safetensors
from utils.common.image import read_image
from utils.common.listing import SUFFIXES
from utils.common.pairs import find_pairs
from utils.util_weights import load_model
from utils.utils import InputError

Change = Callable[[bytes], bytes]
File = tuple[str | None, str, str]  # folder, stem and suffix
TENSORS = {"conv.weight": torch.ones(2, 1, 3, 3), "conv.bias": torch.zeros(2, dtype=torch.half)}
quick = settings(deadline=None, derandomize=True, max_examples=120, database=None)


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def encoded(suffix: str, options: tuple[int, ...] = (), dtype: type = np.uint8) -> bytes:
    return cv2.imencode(suffix, picture(0, 21, 33, dtype=dtype), options)[1].tobytes()


ARRAYS = {name: value.numpy() for name, value in TENSORS.items()}
WEIGHTS: dict[str, tuple[str, bytes]] = {
    "zip": (".pth", saved(lambda file: torch.save({"model": TENSORS, "epoch": 3}, file))),
    "legacy": (
        ".pth",
        saved(lambda file: torch.save(TENSORS, file, _use_new_zipfile_serialization=False)),
    ),
    "arrays": (".npz", saved(lambda file: np.savez(file, **ARRAYS))),
    "packed arrays": (".npz", saved(lambda file: np.savez_compressed(file, **ARRAYS))),
    "safetensors": (".safetensors", to_safetensors(TENSORS, {"seed": "0"})),
}
IMAGES: dict[str, tuple[str, bytes]] = {
    "PNG": (".png", encoded(".png")),
    "PNG, 16 bits": (".png", encoded(".png", dtype=np.uint16)),
    "JPEG": (".jpg", encoded(".jpg")),
    "JPEG, progressive": (".jpg", encoded(".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))),
    "JPEG, restarts": (".jpg", encoded(".jpg", (cv2.IMWRITE_JPEG_RST_INTERVAL, 1))),
    "TIFF": (".tif", encoded(".tif")),
    "TIFF, plain": (".tif", encoded(".tif", (cv2.IMWRITE_TIFF_COMPRESSION, 1), np.uint16)),
    "BMP": (".bmp", encoded(".bmp")),
    "WebP": (".webp", encoded(".webp", (cv2.IMWRITE_WEBP_QUALITY, 80))),
}


def flip(place: int, bit: int) -> Change:
    return lambda data: (
        data[: place % len(data)]
        + bytes([data[place % len(data)] ^ (1 << bit % 8)])
        + data[place % len(data) + 1 :]
    )


def overwrite(place: int, content: bytes) -> Change:
    return lambda data: (
        data[: place % len(data)] + content + data[place % len(data) + len(content) :]
    )


def cut(place: int, length: int) -> Change:
    return lambda data: data[: place % len(data)] + data[place % len(data) + length :]


places = st.one_of(st.integers(0, 127), st.integers(-127, -1), st.integers(0, 2**16))
changes = st.lists(
    st.one_of(
        st.builds(flip, places, st.integers(0, 7)),
        st.builds(overwrite, places, st.binary(min_size=1, max_size=8)),
        st.builds(overwrite, places, st.sampled_from([bytes(64), b"\xff" * 8])),
        st.builds(cut, places, st.sampled_from([1, 7, 64, 2**20])),
    ),
    max_size=4,
)


def read(reader: Callable[[Path], object], suffix: str, data: bytes) -> bool:
    """Return True if a file with this content is read, False if it is refused by its name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        try:
            reader(path)
        except InputError as error:
            assert str(path) in str(error)
            return False
        return True


def changed(data: bytes, steps: list[Change]) -> bytes:
    return functools.reduce(lambda so_far, step: step(so_far) or b"\0", steps, data)


@pytest.mark.parametrize("kind", [*WEIGHTS, *IMAGES])
def test_files_are_sound_before_they_are_damaged(kind: str) -> None:
    reader = load_checkpoint if kind in WEIGHTS else read_image
    assert read(reader, *{**WEIGHTS, **IMAGES}[kind])


@pytest.mark.filterwarnings("ignore")
@quick
@given(kind=st.sampled_from(list(WEIGHTS)), steps=changes)
def test_damaged_weights(kind: str, steps: list[Change]) -> None:
    suffix, data = WEIGHTS[kind]
    read(load_checkpoint, suffix, changed(data, steps))


@quick
@given(kind=st.sampled_from(list(IMAGES)), steps=changes)
def test_damaged_images(kind: str, steps: list[Change]) -> None:
    suffix, data = IMAGES[kind]
    read(read_image, suffix, changed(data, steps))


STARTS = [b"", b"PK\x03\x04", b"\x80\x02", b"\x93NUMPY", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
STARTS += [b"II*\x00", b"BM", b"RIFF\x10\x00\x00\x00WEBP", b"(\x00\x00\x00\x00\x00\x00\x00{"]


@pytest.mark.filterwarnings("ignore")
@quick
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
def test_random_bytes(start: bytes, rest: bytes) -> None:
    for suffix in (".pth", ".npz", ".safetensors"):
        read(load_checkpoint, suffix, start + rest)
    for suffix in (".png", ".jpg"):
        read(read_image, suffix, start + rest)


values = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=3),
        st.builds(
            lambda shape, kind: torch.ones(shape, dtype=kind),
            st.lists(st.integers(0, 3), max_size=4),
            st.sampled_from([torch.float32, torch.half, torch.int64, torch.bool, torch.complex64]),
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(0, 3)), inner, max_size=3),
    ),
    max_leaves=4,
)
SOUND = build().state_dict()
OUTER = ("model", "state_dict", "encoder_state_dict", "decoder_state_dict", "about")


@settings(quick, max_examples=20)
@given(
    places=st.dictionaries(st.sampled_from(list(SOUND)), values, max_size=3),
    outer=st.dictionaries(st.sampled_from(OUTER), values, max_size=2),
    wrapped=st.booleans(),
)
def test_weights_of_wrong_kinds(
    places: dict[str, object], outer: dict[str, object], wrapped: bool
) -> None:
    state = {**SOUND, **places}
    whole = {**outer, "model": state} if wrapped else {**state, **outer}
    read(load_model, ".pth", saved(lambda file: torch.save(whole, file)))


def put_file(path: Path) -> None:
    if not path.exists() and (path.parent.is_dir() or not path.parent.exists()):
        path.parent.mkdir(exist_ok=True)
        path.touch()


folder_names = st.sampled_from(["ir", "vis", "INF_images", "s1", ".hidden", "a.png", "Thumbs.db"])
stems = st.sampled_from(["1", "IR1", "vis1", "a_ir", "a_vis", "A", "a", "._a", "图"])
files = st.tuples(
    st.one_of(st.none(), folder_names), stems, st.sampled_from([*SUFFIXES, ".PNG", ".txt", ""])
)


def find_or_refuse(names: list[File], find: Callable[[Path], dict[str, tuple[Path, ...]]]) -> None:
    """Make a folder of such files; `find` must return files that are there, or say which folder."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for inner, stem, suffix in names:
            put_file(folder / (inner or "") / f"{stem}{suffix}")
        try:
            found = find(folder)
        except InputError as error:
            assert temporary in str(error)
            return
        assert found
        for sources in found.values():
            assert len(sources) >= 2
            assert all(path.is_file() for path in sources)


@quick
@given(names=st.lists(files, max_size=8))
def test_any_folders_are_paired_or_refused(names: list[File]) -> None:
    flags = ["--ir", "--vis"]
    find_or_refuse(names, lambda folder: find_pairs([folder / "ir", folder / "vis"], flags))
