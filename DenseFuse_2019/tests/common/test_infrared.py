# From common_code/infrared/tests/common/test_infrared.py; edit it there, then tools/sync.py.
"""What infrared values mean: one channel, and the range that becomes 0 to 1."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import picture, put
from utils.common.image import read_image
from utils.common.infrared import as_gray, narrow_range, scale_ir
from utils.common.infrared_pairs import ir_range
from utils.utils import InputError


def test_colored_infrared(tmp_path: Path) -> None:
    gray = picture(0, channels=1)
    np.testing.assert_array_equal(as_gray(tmp_path, np.dstack([gray] * 3), "error"), gray)
    color = picture(0, dtype=np.uint16)
    with pytest.raises(InputError, match="--ir_color luma"):
        as_gray(tmp_path, color, "error")
    luma = as_gray(tmp_path, color, "luma")
    assert luma.dtype == np.uint16
    np.testing.assert_allclose(luma, color @ [0.299, 0.587, 0.114], atol=0.5 + 1e-6)


def test_infrared_ranges(tmp_path: Path) -> None:
    pixels = np.arange(1000, 3001, dtype=np.uint16).reshape(3, -1)
    assert scale_ir(tmp_path / "ir.png", pixels, "full") is pixels
    assert narrow_range(pixels) == pytest.approx(1960 / 65535)  # 1 % is 1020, 99 % is 2980
    np.testing.assert_allclose(scale_ir(tmp_path, pixels, "minmax"), (pixels - 1000.0) / 2000)
    spread = scale_ir(tmp_path, pixels, "percentile")
    np.testing.assert_allclose(spread, ((pixels - 1020.0) / 1960).clip(0, 1), atol=1e-6)
    fixed = scale_ir(tmp_path, pixels, "500:2500")
    np.testing.assert_allclose(fixed, ((pixels - 500.0) / 2000).clip(0, 1), atol=1e-6)


def test_narrow_infrared_values() -> None:
    frame = np.linspace(0, 16383, 64 * 64).reshape(64, 64).astype(np.uint16)  # 14 bits of 16
    share = narrow_range(frame)
    assert share is not None
    assert share == pytest.approx(0.98 * 0.25, abs=1e-3)
    frame[:2, :10] = 65535  # hot pixels do not hide it
    assert narrow_range(frame) is not None
    assert narrow_range(picture(0, channels=1, dtype=np.uint16)) is None


def test_physical_values(tmp_path: Path) -> None:
    celsius = np.linspace(-10, 30, 48, dtype=np.float32).reshape(6, 8)
    path = put(tmp_path / "ir.tif", celsius)
    read = read_image(path, physical=True)
    np.testing.assert_array_equal(read, celsius)
    np.testing.assert_allclose(scale_ir(path, read, "-10:30"), (celsius + 10) / 40, atol=1e-6)
    with pytest.raises(InputError, match=r"ir\.tif holds physical values, -10 to 30; .*LO:HI"):
        scale_ir(path, read, "full")
    with pytest.raises(InputError, match="holds float32 values; convert it"):
        read_image(path)
    celsius[0, 0] = np.nan
    with pytest.raises(InputError, match="holds 1 values that are not finite"):
        read_image(put(path, celsius), physical=True)


def test_empty_infrared_range(tmp_path: Path) -> None:
    flat = np.full((4, 4), 7, np.uint8)
    with pytest.raises(InputError, match=r"--ir_range minmax is empty.*say full"):
        scale_ir(tmp_path / "ir.png", flat, "minmax")
    for text in ("wide", "5:5", "9:1", "1:", "nan:1", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="LO:HI"):
            ir_range(text)
    assert [ir_range(t) for t in ("full", "percentile", "0:1e4")] == ["full", "percentile", "0:1e4"]
