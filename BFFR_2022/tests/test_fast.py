"""The fast form of the network is the same function as the paper's form in `models/`."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.TransFuser6 import TransFuser6
from tests.method import near_identity
from utils.common.upsample import doubled_conv
from utils.util_fast import fold_norms, fuse_tile, measure_grams, sum_grams, use_fast_form

SIZES = [(16, 24), (23, 31), (27, 40)]


def planes(height: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return a random visible and a random infrared image, (2, 1, H, W)."""
    return torch.rand(2, 1, height, width, dtype=dtype)


def fast(model: TransFuser6) -> TransFuser6:
    """Return a copy of a network in its fast form."""
    model = deepcopy(model)
    use_fast_form(model)
    return model


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_are_equal(size: tuple[int, int], training: bool) -> None:
    """In training the batch norms use the batch, and scores are summed in float32."""
    plain = near_identity(noise=0.5).double().train(training)
    quick = fast(plain)
    sources = [planes(*size), planes(*size)]  # of two pairs
    found = []
    for model in (plain, quick):
        inputs = [source.clone().requires_grad_() for source in sources]
        fused = model(*inputs)
        (fused * sources[0]).sum().backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        found.append((fused.detach(), gradients, [x.grad for x in inputs]))
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if training else {"rtol": 1e-6, "atol": 1e-8}
    torch.testing.assert_close(found[1], found[0], **tolerance)
    for name in ("fusion_block1.attn1.wq1", "fusion_block4.attn2.wk1", "DB1_3.conv2d"):
        assert found[0][1][f"{name}.weight"].abs().max() > 1e-4


def test_names_of_parameters_stay() -> None:
    model = TransFuser6()
    assert list(fast(model).state_dict()) == list(model.state_dict())


@torch.no_grad()
def test_folded_norms_are_equal() -> None:
    model = near_identity(noise=0.5).double()
    folded = deepcopy(model)
    fold_norms(folded)
    sources = planes(23, 31).split(1)
    torch.testing.assert_close(folded(*sources), model(*sources), rtol=0, atol=1e-12)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


@torch.no_grad()
def test_gram_matrices_of_parts_sum_up() -> None:
    model = fast(near_identity())
    sources = planes(27, 40, torch.float32)
    whole = measure_grams(model, sources, (slice(0, 27), slice(0, 40)))
    parts = [
        measure_grams(model, sources, (rows, columns))
        for rows in (slice(0, 16), slice(16, 27))
        for columns in (slice(0, 8), slice(8, 40))
    ]
    for found, expected in zip(sum_grams(parts), whole, strict=True):
        assert found[0].dtype == torch.float64  # scores are so large that float32 sums differ
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    expected = model(*sources.split(1))
    torch.testing.assert_close(fuse_tile(model, sources, whole), expected, atol=1e-6, rtol=0)
    halves = [(vis / 2, ir / 2) for vis, ir in whole]
    assert (fuse_tile(model, sources, halves) - expected).abs().max() > 1e-4  # they do matter


def test_receptive_radius_is_what_a_pixel_sees() -> None:
    model = fast(TransFuser6().double().eval().requires_grad_(False))
    for value in model.parameters():
        value.abs_()  # nothing cancels
        if value.ndim == 4:
            value.div_(value.sum(dim=(1, 2, 3), keepdim=True))  # nor does the last tanh saturate
    sources = planes(16, 168)
    grams = measure_grams(model, sources, (slice(0, 16), slice(0, 168)))
    fused = fuse_tile(model, sources.requires_grad_(), grams)
    radius = []
    for column in range(80, 88):  # every position in a square of the coarsest scale
        [seen] = torch.autograd.grad(fused[0, 0, 8, column], sources, retain_graph=True)
        for gradient in seen:
            columns = gradient.abs().sum(dim=(0, 1)).nonzero()
            radius += [column - int(columns.min()), int(columns.max()) - column]
    assert max(radius) <= TransFuser6.receptive_radius
    assert max(radius) == 76  # so 80 is the least multiple of the stride that is enough


@torch.no_grad()
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (8, 9), (11, 10), (2, 3)])
def test_doubled_conv_equals_doubling_and_convolving(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, size[0] // 2, size[1] // 2, dtype=torch.float64)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    doubled = F.interpolate(x, scale_factor=2, mode="nearest")
    doubled = F.pad(doubled, (0, size[1] % 2, 0, size[0] % 2), mode="reflect")
    assert doubled.shape[2:] == size
    expected = F.conv2d(F.pad(doubled, (1, 1, 1, 1), mode="reflect"), weight)
    torch.testing.assert_close(doubled_conv(x, weight, size), expected)
