"""The network is the official one: size, shapes, outputs, attention, and how far it sees."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from speed import PlainTransFuser6
from torch import Tensor

from models.TransFuser6 import HEADS, WIDTHS, ConvLayer, SelfAttention, TransFuser6
from tests.method import near_identity
from utils.common.upsample import doubled_conv
from utils.util_weights import load_model

PARAMETERS, WITH_UNUSED = 3_908_321, 3_909_025


def pair(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return a batch of random visible images and one of infrared images."""
    return [torch.rand(count, 1, height, width, dtype=dtype) for _ in range(2)]


def test_parameter_counts() -> None:
    model = TransFuser6()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS
    normed = [m for name, m in model.named_modules() if isinstance(m, ConvLayer)]
    normed.remove(model.conv_out)  # weight and bias for every channel of the others
    assert PARAMETERS + sum(2 * m.conv2d.out_channels for m in normed) == WITH_UNUSED


def test_parameters_of_the_official_network(reference: Path) -> None:
    golden = torch.load(reference / "golden" / "transfuser6_arch_random.pt", weights_only=True)
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    theirs = {k: v for k, v in golden["state_dict"].items() if not k.endswith(buffers)}
    assert sum(v.numel() for v in theirs.values()) == WITH_UNUSED
    ours = dict(TransFuser6().named_parameters())
    assert {k: theirs[k].shape for k in ours} == {k: v.shape for k, v in ours.items()}
    assert all(".bn." in name for name in theirs.keys() - ours.keys())


@torch.no_grad()
def test_official_outputs_are_reproduced(tmp_path: Path, reference: Path) -> None:
    golden = torch.load(reference / "golden" / "transfuser6_arch_random.pt", weights_only=True)
    torch.save({"state_dict": golden["state_dict"]}, tmp_path / "random.pth")
    model, _ = load_model(tmp_path / "random.pth")
    found = model(*golden["inputs"])
    expected = golden["outputs"].reshape(found.shape)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("size", [(50, 62), (17, 23), (16, 16), (31, 40)])
def test_shape_and_range_at_any_size(size: tuple[int, int]) -> None:
    model = near_identity(noise=1)
    vis, ir = pair(2, *size)
    scales = model.encode(vis, "vi")
    expected = [(2, width, size[0] >> n, size[1] >> n) for n, width in enumerate(WIDTHS)]
    assert [tuple(scale.shape) for scale in scales] == expected
    fused = model(vis, ir)
    assert fused.shape == (2, 1, *size)
    assert 0 <= fused.min() < fused.max() <= 1
    model.conv_out.conv2d.weight.mul_(1000)
    assert model(vis, ir).aminmax() == (0, 1)  # it saturates there


@torch.no_grad()
def test_batch_of_two_equals_two_singles() -> None:
    model = near_identity(noise=0.3)
    vis, ir = pair(2, 17, 26)
    vis[1] *= 0.2  # unlike halves
    both = model(vis, ir)
    for n in (0, 1):
        single = model(vis[n : n + 1], ir[n : n + 1])
        torch.testing.assert_close(both[n : n + 1], single, atol=1e-6, rtol=0)
    assert (both[0] - both[1]).abs().max() > 0.01


@torch.no_grad()
def test_sources_are_not_exchangeable() -> None:
    model = near_identity()
    vis, ir = pair(1, 24, 32)
    fused = model(vis, ir)
    assert (model(ir, vis) - fused).abs().max() > 0.01
    assert (model(vis, ir / 2) - fused).abs().max() > 0.01
    assert (model(vis / 2, ir) - fused).abs().max() > 0.01


def written_out(block: SelfAttention, x: Tensor) -> Tensor:
    """Return what `block` returns, by q, k and v of every head."""
    tokens = block.conv_pre(x).flatten(2).transpose(1, 2)  # (B, HW, C)
    each = x.shape[1] // block.heads
    results = []
    for head in range(block.heads):
        rows = slice(head * each, (head + 1) * each)
        q, k, v = (tokens @ w.weight[rows].T for w in (block.wq1, block.wk1, block.wv1))
        scores = torch.einsum("bni,bnj->bij", q, k) / each**0.5
        results.append(torch.einsum("bni,bij->bnj", v, scores.softmax(dim=1)))
    attended = block.norm1(block.end_proj1(torch.cat(results, dim=2)))
    return x + x * block.ffn(attended.transpose(1, 2).reshape(x.shape))


@torch.no_grad()
@pytest.mark.parametrize("scale", range(4))
def test_attention_by_gram_matrix_is_attention(scale: int) -> None:
    block = near_identity().double().fusion_blocks[scale].attn1
    assert block.heads == HEADS[scale]
    x = torch.rand(2, WIDTHS[scale], 7, 9, dtype=torch.float64)
    expected = written_out(block, x)
    torch.testing.assert_close(block(x), expected, atol=1e-9, rtol=0)
    gram = block.gram(block.tokens(x))
    torch.testing.assert_close(block(x, gram), expected, atol=1e-9, rtol=0)
    assert (block(x, gram / 2) - expected).abs().max() > 1e-4  # it does attend


@torch.no_grad()
def test_gram_matrices_of_parts_sum_up() -> None:
    model = near_identity()
    vis, ir = pair(1, 27, 40)
    whole = model.grams(vis, ir, (slice(0, 27), slice(0, 40)))
    parts = [
        model.grams(vis, ir, (rows, columns))
        for rows in (slice(0, 16), slice(16, 27))
        for columns in (slice(0, 8), slice(8, 40))
    ]
    for level, expected in enumerate(whole):
        for side in (0, 1):
            found = sum(part[level][side] for part in parts)
            assert found.dtype == torch.float64  # large scores would show the order of a sum
            torch.testing.assert_close(found, expected[side], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model(vis, ir, whole), model(vis, ir), atol=1e-6, rtol=0)


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


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 24), (23, 31)])
def test_network_equals_the_one_that_is_drawn(size: tuple[int, int]) -> None:
    model, plain = near_identity(noise=0.5), PlainTransFuser6().eval()
    plain.load_state_dict(model.state_dict())
    sources = pair(2, *size)
    torch.testing.assert_close(model(*sources), plain(*sources), atol=1e-5, rtol=0)


def test_receptive_radius_is_what_a_pixel_sees() -> None:
    model = TransFuser6().double().eval().requires_grad_(False)
    for value in model.parameters():
        value.abs_()  # nothing cancels
        if value.ndim == 4:
            value /= value.sum(dim=(1, 2, 3), keepdim=True)  # nor does the last tanh saturate
    vis, ir = pair(1, 16, 168, torch.float64)
    grams = model.grams(vis, ir, (slice(0, 16), slice(0, 168)))
    sources = (vis.requires_grad_(), ir.requires_grad_())
    fused = model(*sources, grams)
    reach = []
    for column in range(80, 88):  # every place in a square of the coarsest scale
        seen = torch.autograd.grad(fused[0, 0, 8, column], sources, retain_graph=True)
        for gradient in seen:
            columns = gradient.abs().sum(dim=(0, 1, 2)).nonzero()
            reach += [column - int(columns.min()), int(columns.max()) - column]
    assert max(reach) <= TransFuser6.receptive_radius
    assert max(reach) == 76  # so the radius is the least that is a multiple of the stride
