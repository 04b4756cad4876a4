"""The weights in `weights/`: what their table says, and that their results are sound."""

import hashlib

import numpy as np
import pytest

from tests.helpers import FOLDER, get, put_pair
from utils import util_fusion, util_segment
from utils.common.values import to_unit
from utils.util_fusion import ImageFusion
from utils.util_segment import Segmenter

WEIGHTS = FOLDER / "weights"
FILES = ("fuser/model.safetensors", "segmenter/model.safetensors")


def test_defaults_are_the_shipped_ones() -> None:
    fuser, segmenter = (WEIGHTS / name for name in FILES)
    assert (fuser, segmenter) == (util_fusion.WEIGHTS, util_segment.WEIGHTS)


@pytest.mark.parametrize("name", FILES)
def test_checksum_is_in_the_table(name: str) -> None:
    table = (WEIGHTS / "README.md").read_text("utf-8").splitlines()
    [row] = [line for line in table if line.startswith(f"| `{name}`")]
    assert hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest() in row


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
