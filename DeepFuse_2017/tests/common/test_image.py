# From common_code/base/tests/common/test_image.py; edit it there, then tools/sync.py.
"""Reading, writing and ranges of images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers import get, picture, put
from utils.common.image import read_image, resize_to, write_image
from utils.common.listing import list_images
from utils.common.values import from_unit, to_unit
from utils.utils import InputError

LOSSLESS_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 101)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((suffix, np.uint8) for suffix in (".png", ".PNG", ".tif", ".bmp")),
        *((suffix, np.uint16) for suffix in (".png", ".tiff")),
    ],
)
def test_lossless_formats_are_read_exactly(
    tmp_path: Path, suffix: str, dtype: type, channels: int
) -> None:
    pixels = picture(0, channels=channels, dtype=dtype)
    found = read_image(put(tmp_path / f"a{suffix}", pixels))
    assert found.dtype == dtype
    if suffix == ".bmp" and found.ndim == 3 and channels == 1:
        found = found[..., 0]  # some decoders turn its palette into colors
    np.testing.assert_array_equal(found, pixels)


def test_webp(tmp_path: Path) -> None:
    pixels = picture(0)
    np.testing.assert_array_equal(
        read_image(put(tmp_path / "a.webp", pixels, LOSSLESS_WEBP)), pixels
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(tmp_path: Path, channels: int) -> None:
    pixels = picture(0, channels=channels)
    found = read_image(put(tmp_path / "a.jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 100)))
    assert found.shape == pixels.shape
    assert np.abs(found.astype(int) - pixels).mean() < 8  # exchanged channels are 80 off


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((suffix, np.uint8) for suffix in (".png", ".tif", ".webp")),
        *((suffix, np.uint16) for suffix in (".png", ".tif")),
    ],
)
def test_alpha_is_dropped(tmp_path: Path, suffix: str, dtype: type) -> None:
    alpha: np.ndarray = np.full((33, 47, 1), np.iinfo(dtype).max // 2, dtype)
    pixels = picture(0, dtype=dtype)
    options = LOSSLESS_WEBP if suffix == ".webp" else ()
    path = put(tmp_path / f"a{suffix}", np.concatenate([pixels, alpha], axis=2), options)
    np.testing.assert_array_equal(read_image(path), pixels)


def oriented_jpeg(path: Path, pixels: np.ndarray, orientation: int) -> Path:
    """Write a JPEG with the orientation in an APP1 segment made by hand."""
    data = put(path, pixels, (cv2.IMWRITE_JPEG_QUALITY, 100)).read_bytes()
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation]) + b"\x00\x00"
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])
    return path


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"),
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, -1, False), (8, 1, False)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, turns: int, mirrored: bool, channels: int
) -> None:
    pixels = picture(0, channels=channels)
    upright = np.rot90(pixels, turns)
    upright = upright[:, ::-1] if mirrored else upright
    found = read_image(oriented_jpeg(tmp_path / "a.jpg", pixels, orientation))
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 8


def test_unicode_paths(tmp_path: Path) -> None:
    pixels = picture(0)
    path = put(tmp_path / "红外 é" / "图像 ü.png", pixels)
    np.testing.assert_array_equal(read_image(path), pixels)
    write_image(path.with_name("ß.tif"), pixels)
    np.testing.assert_array_equal(get(path.with_name("ß.tif")), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_write_keeps_depth_and_channel_order(
    tmp_path: Path, suffix: str, dtype: type, channels: int
) -> None:
    pixels = picture(0, channels=channels, dtype=dtype)
    write_image(tmp_path / f"a{suffix}", pixels)
    found = get(tmp_path / f"a{suffix}")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pixels)


def test_write_refuses_what_the_format_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jpg cannot hold 16 bits.*--output"):
        write_image(tmp_path / "a.jpg", picture(0, dtype=np.uint16))
    with pytest.raises(InputError, match=r"cannot write .*a\.gif.*--output"):
        write_image(tmp_path / "a.gif", picture(0))
    assert list(tmp_path.iterdir()) == []


def test_write_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a.png", picture(0))
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_image(path, picture(1))
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_listing_leaves_out_junk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [put(tmp_path / name, picture(0)) for name in ("b.png", "a.jpg")]
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._a.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"junk")
    (tmp_path / "folder.png").mkdir()
    assert list_images(tmp_path, "--ir") == images[::-1]
    assert capsys.readouterr().err == ""
    (tmp_path / "notes.txt").touch()
    assert list_images(tmp_path, "--ir") == images[::-1]
    assert "notes.txt" in capsys.readouterr().err


def test_units_round_trip() -> None:
    for dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)[None]
        unit = to_unit(levels)
        assert (unit.dtype, unit.min(), unit.max()) == (np.float32, 0, 1)
        np.testing.assert_array_equal(from_unit(unit, np.dtype(dtype)), levels)
    beyond = np.array([-0.5, 1.5], np.float32)
    assert from_unit(beyond, np.dtype(np.uint8)).tolist() == [0, 255]
    assert from_unit(beyond, np.dtype(np.uint16)).tolist() == [0, 65535]
    assert from_unit(beyond, np.dtype(np.float32)).tolist() == [0, 1]


def test_resize_stays_in_range() -> None:
    pixels = (picture(0, channels=1) > 127).astype(np.float32)
    larger = resize_to(pixels, 70, 101)
    assert larger.shape == (70, 101)
    assert 0 <= larger.min() < larger.max() <= 1
    assert resize_to(picture(0), 16, 20).shape == (16, 20, 3)


def test_reducing_averages_areas() -> None:
    pixels = np.random.default_rng(0).random((36, 60, 3), np.float32)  # nothing is smooth
    means = pixels.reshape(9, 4, 12, 5, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize_to(pixels, 9, 12), means, atol=1e-6)
