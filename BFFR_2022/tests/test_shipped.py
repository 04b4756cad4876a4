"""The weights in `weights/` are the defaults, and their results are sound."""

import numpy as np
import pytest

from tests.helpers import FOLDER, get, put_pair
from utils import util_fusion, util_segment
from utils.common.values import to_unit
from utils.util_fusion import ImageFusion
from utils.util_segment import Segmenter

WEIGHTS = FOLDER / "weights"


def test_defaults_are_the_shipped_ones() -> None:
    assert util_fusion.WEIGHTS == WEIGHTS / "fuser" / "model.safetensors"
    assert util_segment.WEIGHTS == WEIGHTS / "segmenter" / "model.safetensors"


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs, and what the shipped fuser makes of them."""
    folder, fusion = tmp_path_factory.mktemp("pairs"), ImageFusion(device="cpu")
    found = []
    for seed in range(3):
        ir, vis = (to_unit(get(path)) for path in put_pair(folder, str(seed), seed, size=(64, 88)))
        found.append((vis, ir, fusion.fuse([vis, ir])))
    return found


def test_fused_pairs(results: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    for visible, infrared, fused in results:
        assert fused.shape == visible.shape
        assert np.isfinite(fused).all()
        luma, seen = (x @ [0.299, 0.587, 0.114] for x in (fused, visible))
        assert luma.std() > 0.02
        likeness = [np.corrcoef(luma.ravel(), x.ravel())[0, 1] for x in (seen, infrared)]
        assert max(likeness) > 0.5  # the labels decide which source it follows


def test_segmented_pairs(results: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    segmenter = Segmenter(device="cpu")
    found = [segmenter.segment(fused) for _, _, fused in results]
    assert [x.shape for x in found] == [fused.shape[:2] for _, _, fused in results]
    assert max(len(np.unique(labels)) for labels in found) > 1
