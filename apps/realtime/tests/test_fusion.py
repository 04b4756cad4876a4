"""`StudentFusion`, from the hub: tiles, types, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from apps.realtime.tests.conftest import ROOT, MakeStudent, picture


def load(weights: Path, **settings: object) -> Any:
    return torch.hub.load(
        str(ROOT), "realtime", source="local", weights=weights, device="cpu", **settings
    )


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [(150, 201), (96, 128)])
def test_tiles_give_the_whole_image(
    student: MakeStudent, whole: bool, size: tuple[int, int]
) -> None:
    weights = student(whole)
    sources = [picture(1, size) / np.float32(255), picture(2, size) / np.float32(255)]
    expected = load(weights, tile=0).fuse(sources)
    found = load(weights, tile=48).fuse(sources)
    assert expected.std() > 0.05
    assert np.abs(expected - (sources[0] + sources[1]) / 2).max() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_statistics_of_the_whole_image_matter(student: MakeStudent) -> None:
    dark, bright = picture(1, (64, 64)) // 4, picture(1, (64, 64)) // 4 + 190
    fusion = load(student(whole=True))
    wide = fusion.fuse([np.hstack([dark, bright]), np.hstack([dark, bright])]).astype(int)
    alone = fusion.fuse([dark, dark]).astype(int)
    assert np.abs(wide[:, :32] - alone[:, :32]).max() > 1


def test_the_average_keeps_types_and_color(student: MakeStudent) -> None:
    fusion = load(student(average=True))
    gray = [np.full((6, 8), 100, np.uint16), np.full((6, 8), 200, np.uint8)]
    fused = fusion.fuse(gray)
    assert fused.dtype == np.uint16
    assert set(np.unique(fused)) == {round((100 / 65535 + 200 / 255) / 2 * 65535)}
    assert fusion.fuse([picture(1, (6, 8), 3), picture(2, (6, 8))]).shape == (6, 8, 3)
    assert fusion.about["teacher"] == "u2fusion"


@pytest.mark.parametrize("tile", [0, 48])
def test_the_order_of_exposures_does_not_matter(student: MakeStudent, tile: int) -> None:
    under, over = picture(1, (150, 201)) // 2, picture(2, (150, 201)) // 2 + 100
    fusion = load(student(whole=True, kind="exposures"), tile=tile)
    pair = load(student(whole=True), tile=tile)
    np.testing.assert_array_equal(fusion.fuse([over, under]), fusion.fuse([under, over]))
    np.testing.assert_array_equal(pair.fuse([under, over]), fusion.fuse([over, under]))
    assert (pair.fuse([over, under]) != fusion.fuse([over, under])).any()


def test_what_is_refused(student: MakeStudent, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a student fuses two"):
        load(student()).fuse([picture(1, (8, 8))] * 3)
    with pytest.raises(ValueError, match="no such file"):
        load(tmp_path / "absent.safetensors")
    with pytest.raises(ValueError, match="no student's"):
        load(ROOT / "U2Fusion_2020" / "weights" / "u2fusion")
    with pytest.raises(ValueError, match="no teacher 'nobody'"):
        load(student(), teacher="nobody")
