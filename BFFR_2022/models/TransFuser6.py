"""TransFuser6: two encoders, channel-attention fusion at four scales, a nest-connection decoder.

Wu, Liu, Liu, Fan and Liu, "Breaking Free from Fusion Rule: A Fully Semantic-driven Infrared and
Visible Image Fusion", IEEE Signal Processing Letters 30, 2023, https://arxiv.org/abs/2211.12286.
Official code: https://github.com/wyh1210/BFFR, whose names of layers are kept.

Departure: the batch norms that the official code declares and never calls are left out.

This file has the network's plain form. `utils/util_fast.py` switches a network to a faster form
of the same function.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (32, 64, 96, 128)  # channels of the four scales
HEADS = (4, 8, 8, 16)  # attention heads of the four scales
STEM_WIDTH = 16  # channels of the first convolution


class ConvLayer(nn.Module):
    """A convolution with reflect padding and no activation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(
            in_channels, out_channels, kernel, padding=kernel // 2, padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) for `x` of (B, in, H, W)."""
        return self.conv2d(x)


class DenseConv(nn.Module):
    """A 3x3 convolution with zero padding, then LeakyReLU of slope 0.2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) for `x` of (B, in, H, W)."""
        return F.leaky_relu(self.conv(x), 0.2, inplace=True)


class DenseBlock(nn.Module):
    """Two densely connected 3x3 convolutions, then a 1x1 convolution of all their maps."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = DenseConv(in_channels, in_channels)
        self.conv2 = DenseConv(2 * in_channels, in_channels)
        self.conv_down = nn.Conv2d(3 * in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) for `x` of (B, in, H, W)."""
        x1 = self.conv1(x)
        x2 = self.conv2(torch.cat([x, x1], dim=1))
        return F.leaky_relu(self.conv_down(torch.cat([x, x1, x2], dim=1)), 0.1, inplace=True)


class ConvNormReLU(nn.Module):
    """A 3x3 convolution with reflect padding, batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.batch_norm: nn.Module = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) for `x` of the same shape."""
        return F.relu(self.batch_norm(self.conv2d(x)), inplace=True)


class SelfAttention(nn.Module):
    """Attention between the channels of one source; the pixels are its tokens."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.conv_pre = nn.Sequential(ConvNormReLU(channels), ConvNormReLU(channels))
        self.wq1 = nn.Linear(channels, channels, bias=False)
        self.wk1 = nn.Linear(channels, channels, bias=False)
        self.wv1 = nn.Linear(channels, channels, bias=False)
        self.end_proj1 = nn.Linear(channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.ffn = nn.Sequential(ConvNormReLU(channels), ConvNormReLU(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return attended features, (B, C, H, W), for `x` of the same shape."""
        tokens = self.conv_pre(x).flatten(2).mT  # (B, HW, C)
        q = self.split_heads(self.wq1(tokens))  # (B, heads, HW, C / heads)
        k = self.split_heads(self.wk1(tokens))  # (B, heads, HW, C / heads)
        v = self.split_heads(self.wv1(tokens))  # (B, heads, HW, C / heads)
        scores = q.mT @ k * q.shape[3] ** -0.5  # (B, heads, C / heads, C / heads)
        attended = v @ scores.softmax(dim=2)  # (B, heads, HW, C / heads)
        attended = self.end_proj1(attended.transpose(1, 2).flatten(2))  # (B, HW, C)
        attended = self.norm1(attended).mT.unflatten(2, x.shape[2:])  # (B, C, H, W)
        return x + x * self.ffn(attended)  # (B, C, H, W)

    def split_heads(self, tokens: Tensor) -> Tensor:
        """Return (B, heads, HW, C / heads) for tokens of (B, HW, C)."""
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FusionBlock(nn.Module):
    """The mean of both sources' attended features."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attn1 = SelfAttention(channels, heads)  # for the infrared image
        self.attn2 = SelfAttention(channels, heads)  # for the visible image

    def forward(self, vis: Tensor, ir: Tensor) -> Tensor:
        """Return the fused features of a scale, (B, C, H, W).

        Args:
            vis: Features of the visible image, (B, C, H, W).
            ir: Features of the infrared image, (B, C, H, W).
        """
        return (self.attn1(ir) + self.attn2(vis)) / 2


class Join(nn.Module):
    """A node of the nest decoder: 3x3 convolution and LeakyReLU of slope 0.01."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, *row: Tensor, below: Tensor) -> Tensor:
        """Return the map of a node, (B, out, H, W).

        Args:
            row: Maps of the node's own scale, (B, C, H, W) each.
            below: Map of the next coarser scale, (B, D, H // 2, W // 2).
        """
        joined = torch.cat([*row, upsample(below, row[0])], dim=1)  # (B, in, H, W)
        return F.leaky_relu(self.conv2d(joined), 0.01)


def upsample(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` doubled by nearest neighbor; odd sizes of `like` are reached by reflection."""
    up = F.interpolate(x, scale_factor=2, mode="nearest")
    below, right = (like.shape[n] - up.shape[n] for n in (2, 3))  # 0 or 1
    return F.pad(up, (0, right, 0, below), mode="reflect")


class TransFuser6(nn.Module):
    """Fuse the luma of a visible image with an infrared one.

    It has 3,908,321 parameters; with the official code's unused batch norms 3,909,025.
    """

    stride = 8  # pixels: of the coarsest scale
    min_side = 16  # pixels: reflect padding needs two values at the coarsest scale
    receptive_radius = 80  # pixels, apart from attention, which sums over all pixels

    def __init__(self) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.conv1_vi = ConvLayer(1, STEM_WIDTH, 1)
        self.DB1_vi = DenseBlock(STEM_WIDTH, w1)
        self.DB2_vi = DenseBlock(w1, w2)
        self.DB3_vi = DenseBlock(w2, w3)
        self.DB4_vi = DenseBlock(w3, w4)
        self.conv1_ir = ConvLayer(1, STEM_WIDTH, 1)
        self.DB1_ir = DenseBlock(STEM_WIDTH, w1)
        self.DB2_ir = DenseBlock(w1, w2)
        self.DB3_ir = DenseBlock(w2, w3)
        self.DB4_ir = DenseBlock(w3, w4)
        self.fusion_block1 = FusionBlock(w1, HEADS[0])
        self.fusion_block2 = FusionBlock(w2, HEADS[1])
        self.fusion_block3 = FusionBlock(w3, HEADS[2])
        self.fusion_block4 = FusionBlock(w4, HEADS[3])
        self.DB1_1 = Join(w1 + w2, w1)
        self.DB2_1 = Join(w2 + w3, w2)
        self.DB3_1 = Join(w3 + w4, w3)
        self.DB1_2 = Join(2 * w1 + w2, w1)
        self.DB2_2 = Join(2 * w2 + w3, w2)
        self.DB1_3 = Join(3 * w1 + w2, w1)
        self.conv_out = ConvLayer(w1, 1, 1)

    def forward(self, vis: Tensor, ir: Tensor) -> Tensor:
        """Return the fused luma in [0, 1], (B, 1, H, W).

        Args:
            vis: Luma of the visible image, (B, 1, H, W), in [0, 1]; H and W are at least 16.
            ir: The infrared image, (B, 1, H, W), in [0, 1].
        """
        features = self.encode(vis, ir)
        f1 = self.fusion_block1(*next(features))  # (B, 32, H, W)
        f2 = self.fusion_block2(*next(features))  # (B, 64, H/2, W/2)
        f3 = self.fusion_block3(*next(features))  # (B, 96, H/4, W/4)
        f4 = self.fusion_block4(*next(features))  # (B, 128, H/8, W/8)
        return self.decode(f1, f2, f3, f4)

    def encode(self, vis: Tensor, ir: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the features of both sources, visible first, from the finest scale on.

        A scale is computed when it is asked for, so that memory need not hold all of them.

        Args:
            vis: See `forward`.
            ir: See `forward`.
        """
        v, i = self.DB1_vi(self.conv1_vi(vis)), self.DB1_ir(self.conv1_ir(ir))
        yield v, i  # (B, 32, H, W)
        v, i = self.DB2_vi(F.max_pool2d(v, 2)), self.DB2_ir(F.max_pool2d(i, 2))
        yield v, i  # (B, 64, H/2, W/2)
        v, i = self.DB3_vi(F.max_pool2d(v, 2)), self.DB3_ir(F.max_pool2d(i, 2))
        yield v, i  # (B, 96, H/4, W/4)
        v, i = self.DB4_vi(F.max_pool2d(v, 2)), self.DB4_ir(F.max_pool2d(i, 2))
        yield v, i  # (B, 128, H/8, W/8)

    def decode(self, f1: Tensor, f2: Tensor, f3: Tensor, f4: Tensor) -> Tensor:
        """Return the fused luma in [0, 1], (B, 1, H, W).

        Args:
            f1: Fused features of the finest scale, (B, 32, H, W).
            f2: Fused features, (B, 64, H/2, W/2).
            f3: Fused features, (B, 96, H/4, W/4).
            f4: Fused features of the coarsest scale, (B, 128, H/8, W/8).
        """
        x11 = self.DB1_1(f1, below=f2)  # (B, 32, H, W)
        x21 = self.DB2_1(f2, below=f3)  # (B, 64, H/2, W/2)
        x31 = self.DB3_1(f3, below=f4)  # (B, 96, H/4, W/4)
        x12 = self.DB1_2(f1, x11, below=x21)  # (B, 32, H, W)
        x22 = self.DB2_2(f2, x21, below=x31)  # (B, 64, H/2, W/2)
        x13 = self.DB1_3(f1, x11, x12, below=x22)  # (B, 32, H, W)
        return torch.tanh(self.conv_out(x13)) / 2 + 0.5  # (B, 1, H, W)
