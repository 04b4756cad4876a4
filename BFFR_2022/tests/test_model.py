"""The network is the official one: parameters, shapes, outputs and attention."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.TransFuser6 import HEADS, WIDTHS, ConvLayer, Join, SelfAttention, TransFuser6
from tests.method import near_identity
from utils.util_weights import load_model

PARAMETERS, WITH_UNUSED = 3_908_321, 3_909_025


def pair(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return a batch of random visible images and one of infrared images."""
    return [torch.rand(count, 1, height, width, dtype=dtype) for _ in range(2)]


def test_parameter_counts() -> None:
    model = TransFuser6()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS
    normed = [m for m in model.modules() if isinstance(m, ConvLayer | Join)]
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
    expected = [(2, width, size[0] >> n, size[1] >> n) for n, width in enumerate(WIDTHS)]
    for source in (0, 1):
        features = model.encode(vis, ir)
        assert [tuple(scale[source].shape) for scale in features] == expected
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
def test_attention_is_that_of_each_head(scale: int) -> None:
    model = near_identity().double()
    block = [model.fusion_block1, model.fusion_block2, model.fusion_block3, model.fusion_block4]
    attention = block[scale].attn1
    assert attention.heads == HEADS[scale]
    x = torch.rand(2, WIDTHS[scale], 7, 9, dtype=torch.float64)
    torch.testing.assert_close(attention(x), written_out(attention, x), atol=1e-9, rtol=0)
