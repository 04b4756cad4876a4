"""One image in NumPy's float64, a batch in float32, and a batch on a GPU give the same scores."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmark.image_files import read_channels
from benchmark.metrics import CONVENTIONS
from benchmark.metrics.color import luma
from benchmark.tests.reference import ABSENT, REFERENCE

Array = NDArray[np.float64]
STANDARD = CONVENTIONS["standard"].functions
VIFB = REFERENCE / "data" / "vifb"


@pytest.fixture(scope="module")
def pairs() -> list[list[Array]]:
    """Two triples of luma that are no whole numbers, A, B and F, with flat and equal parts."""
    rng = np.random.default_rng(12)
    triples = []
    for _ in range(2):
        a, b = (luma(_color(rng)) for _ in range(2))
        a[:30, :30], b[20:60, 100:] = 255, 16.5
        fused = 0.5 * a + 0.5 * b
        fused[100:, :60] = a[100:, :60]
        triples.append([a, b, fused])
    return triples


def _color(rng: np.random.Generator) -> Array:
    blocks = np.kron(rng.integers(0, 256, (3, 21, 22)), np.ones((1, 8, 8)))
    return np.clip(np.floor(blocks + rng.normal(0, 6, blocks.shape)), 0, 255)[:, :165, :171]


def scores(metric: str, pairs: list[list[Array]], device: str) -> list[float]:
    """Score all pairs as one float32 batch."""
    a, b, fused = (
        torch.from_numpy(np.stack(images))[:, None].to(device, torch.float32)
        for images in zip(*pairs, strict=True)
    )
    found = STANDARD[metric]([a, b], fused)
    assert found.dtype == torch.float32
    assert found.device.type == device
    return found.tolist()


@pytest.mark.parametrize("metric", STANDARD)
def test_float32_batch_agrees_with_float64(metric: str, pairs: list[list[Array]]) -> None:
    expected = [STANDARD[metric]([a, b], fused) for a, b, fused in pairs]
    assert all(isinstance(value, float) for value in expected)
    assert scores(metric, pairs, "cpu") == pytest.approx(expected, abs=1e-4, rel=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_agrees_with_cpu(pairs: list[list[Array]]) -> None:
    for metric, function in STANDARD.items():
        expected = [function([a, b], fused) for a, b, fused in pairs]
        found = scores(metric, pairs, "cuda")
        assert found == pytest.approx(expected, abs=1e-4, rel=1e-4), metric


@pytest.mark.skipif(not VIFB.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("metric", STANDARD)
def test_float32_agrees_on_a_photograph(metric: str) -> None:
    names = ("vis/manCall.jpg", "ir/manCall.jpg", "fused/manCall_CNN.jpg")
    crop = [luma(read_channels(VIFB / name))[100:300, 200:400] for name in names]
    expected = STANDARD[metric](crop[:2], crop[2])
    assert scores(metric, [crop], "cpu") == pytest.approx([expected], abs=1e-4, rel=1e-4)
