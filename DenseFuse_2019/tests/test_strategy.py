"""The fusion strategies, each against the paper's formula."""

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.fusion_strategy import STRATEGIES, STRATEGY_RADIUS, fuse_l1

NAMES = tuple(STRATEGIES)


def features(sources: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return random features with both signs, (N, 2, 5, 6, 7)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sources, 2, 5, 6, 7, generator=generator, dtype=dtype)


def paper_l1(maps: np.ndarray) -> np.ndarray:
    """Evaluate Eqs. 3 to 6 in float64, pixel by pixel; (N, C, H, W) to (C, H, W)."""
    norms = np.abs(maps.astype(np.float64)).sum(axis=1)
    padded = np.pad(norms, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    fused = np.zeros(maps.shape[1:])
    for y, x in np.ndindex(*norms.shape[1:]):
        activity = [padded[k, y : y + 3, x : x + 3].sum() / 9 for k in range(len(maps))]
        for k in range(len(maps)):
            fused[:, y, x] += activity[k] / sum(activity) * maps[k, :, y, x]
    return fused


def test_addition_is_the_mean() -> None:
    maps = torch.tensor([1.0, 2.0, 6.0]).view(3, 1, 1, 1, 1).expand(3, 1, 4, 2, 2)
    assert (STRATEGIES["addition"](maps) == 3).all()


def test_max_is_the_largest() -> None:
    maps = features(3)
    expected = np.maximum(np.maximum(maps[0].numpy(), maps[1].numpy()), maps[2].numpy())
    assert (STRATEGIES["max"](maps).numpy() == expected).all()


@pytest.mark.parametrize("sources", [2, 3])
def test_l1_is_the_papers_formula(sources: int) -> None:
    maps = features(sources)
    for image in range(2):
        found = fuse_l1(maps)[image].numpy()
        np.testing.assert_allclose(found, paper_l1(maps[:, image].numpy()), atol=2e-6)


def test_l1_averages_a_block_of_three_by_three() -> None:
    maps = torch.full((2, 1, 1, 7, 7), 1e-6)
    maps[0, 0, 0, 3, 3] = 9.0  # one strong pixel of the first source
    maps[1] += 1e-6  # else the second one is twice as strong
    weight_of_first = (fuse_l1(maps) - maps[1]) / (maps[0] - maps[1])
    near = torch.zeros(7, 7, dtype=torch.bool)
    near[2:5, 2:5] = True
    assert (weight_of_first[0, 0][near] > 0.99).all()
    assert (weight_of_first[0, 0][~near] < 0.4).all()
    assert STRATEGY_RADIUS["l1"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_three_equal_copies_give_what_two_give(name: str) -> None:
    one = features(1)
    two, three = one.repeat(2, 1, 1, 1, 1), one.repeat(3, 1, 1, 1, 1)
    torch.testing.assert_close(STRATEGIES[name](three), STRATEGIES[name](two))
    torch.testing.assert_close(STRATEGIES[name](two), one[0])


@pytest.mark.parametrize("name", NAMES)
def test_order_is_free(name: str) -> None:
    maps = features(3)
    expected = STRATEGIES[name](maps)
    for order in permutations(range(3)):
        torch.testing.assert_close(STRATEGIES[name](maps[list(order)]), expected)


@pytest.mark.parametrize("name", NAMES)
def test_images_of_a_batch_do_not_mix(name: str) -> None:
    maps = features(2)
    alone = STRATEGIES[name](maps[:, 1:])
    torch.testing.assert_close(STRATEGIES[name](maps)[1:], alone)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.0, 1e-38, 1e-30, 1e30])
def test_any_range_is_safe(name: str, scale: float) -> None:
    fused = STRATEGIES[name](features(2) * scale)
    assert fused.isfinite().all()
    if scale >= 1e-30:
        torch.testing.assert_close(fused / scale, STRATEGIES[name](features(2)))


def test_l1_weighs_nothing_alike() -> None:
    maps = torch.zeros(2, 1, 3, 4, 4)
    assert (fuse_l1(maps) == 0).all()
    maps[0, ..., 0] = 1.0  # elsewhere both vanish, or one does
    assert fuse_l1(maps).isfinite().all()
    assert (fuse_l1(maps)[..., 0] == 1).all()
