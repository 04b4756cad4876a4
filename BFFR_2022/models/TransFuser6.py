"""TransFuser6: two encoders, channel-attention fusion at four scales, a nest-connection decoder.

Wu, Liu, Liu, Fan and Liu, "Breaking Free from Fusion Rule: A Fully Semantic-driven Infrared and
Visible Image Fusion", IEEE Signal Processing Letters 30, 2023, https://arxiv.org/abs/2211.12286.
Official code: wyh1210/BFFR, whose names of layers are kept.

Departures: the batch norms that the official code declares and never uses are left out. Attention
over tokens is computed from their Gram matrix, which is the same function.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.common.upsample import doubled_conv

WIDTHS = (32, 64, 96, 128)  # channels of the four scales
HEADS = (4, 8, 8, 16)  # of attention at each of them
STEM_WIDTH = 16
GRAM_TOKENS = 2**16  # summed at once in float64, of which a copy of all would be twice their size
Grams = list[tuple[Tensor, Tensor]]  # of each scale: visible and infrared, (B, C, C)


class ConvLayer(nn.Module):
    """A convolution with reflect padding, nothing after it."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(
            in_channels, out_channels, kernel, padding=kernel // 2, padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) of (B, in, H, W)."""
        return self.conv2d(x)


class DenseConv(nn.Module):
    """A 3x3 convolution with zero padding, then LeakyReLU of slope 0.2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) of (B, in, H, W)."""
        return F.leaky_relu(self.conv(x), 0.2, inplace=True)


class DenseBlock(nn.Module):
    """Two densely connected 3x3 convolutions, then 1x1 over all there is."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = DenseConv(in_channels, in_channels)
        self.conv2 = DenseConv(2 * in_channels, in_channels)
        self.conv_down = nn.Conv2d(3 * in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out, H, W) of (B, in, H, W)."""
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
        """Return (B, C, H, W) of the same."""
        return F.relu(self.batch_norm(self.conv2d(x)), inplace=True)


class SelfAttention(nn.Module):
    """Attention between the channels of one source, whose tokens are the pixels.

    With tokens t, (HW, C), and per head q, k, v = t Wq, t Wk, t Wv, the context softmax(q'k) is
    a matrix of channels by channels, and v times it the result. Both need t only through t't and
    t times a C x C matrix, so that neither q, k nor v is ever made.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.conv_pre = nn.Sequential(ConvNormReLU(channels), ConvNormReLU(channels))
        self.wq1, self.wk1, self.wv1 = (nn.Linear(channels, channels, bias=False) for _ in "qkv")
        self.end_proj1 = nn.Linear(channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.ffn = nn.Sequential(ConvNormReLU(channels), ConvNormReLU(channels))

    def forward(self, x: Tensor, gram: Tensor | None = None) -> Tensor:
        """Return attended features, (B, C, H, W) of the same.

        Args:
            x: Features of a source.
            gram: From `gram` of the whole image, where `x` is a tile of it.
        """
        attended = self.attend(self.tokens(x), gram)  # (B, HW, C)
        return x + x * self.ffn(attended.mT.unflatten(2, x.shape[2:]))

    def attend(self, tokens: Tensor, gram: Tensor | None) -> Tensor:
        """Return attended, projected and normalized tokens, (B, HW, C) of the same."""
        with torch.autocast(tokens.device.type, enabled=False):  # sums over all are too coarse
            mixer = self.mixer(self.gram(tokens) if gram is None else gram)
        return self.norm1(tokens @ mixer.to(tokens) + self.end_proj1.bias)

    def tokens(self, x: Tensor, keep: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
        """Return t, (B, HW, C), of features (B, C, H, W), or of some of their rows and columns."""
        return self.conv_pre(x)[..., keep[0], keep[1]].flatten(2).mT

    def gram(self, tokens: Tensor) -> Tensor:
        """Return t't, (B, C, C), a sum over tokens; in evaluation mode float64 where there is.

        Scores are large, so that rounding of the sums would show.
        """
        if self.training or tokens.device.type == "mps":
            tokens = tokens.float()
            return tokens.mT @ tokens
        parts = (part.double() for part in tokens.split(GRAM_TOKENS, dim=1))
        return torch.stack([part.mT @ part for part in parts]).sum(dim=0)

    def mixer(self, gram: Tensor) -> Tensor:
        """Return the C x C matrices that take tokens to attended, projected ones, (B, C, C)."""
        wq, wk, wv = (
            layer.weight.unflatten(0, (self.heads, -1)).to(gram)  # (heads, C / heads, C)
            for layer in (self.wq1, self.wk1, self.wv1)
        )
        scores = wq @ gram[:, None] @ wk.mT  # q'k: (B, heads, C / heads, C / heads)
        context = (scores * wq.shape[1] ** -0.5).softmax(dim=-2)
        values = (wv.mT @ context).movedim(1, 2).flatten(2)  # (B, C, C)
        return values @ self.end_proj1.weight.mT.to(gram)


class FusionBlock(nn.Module):
    """The mean of both sources' attended features."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attn1 = SelfAttention(channels, heads)  # of the infrared image
        self.attn2 = SelfAttention(channels, heads)  # of the visible one

    def forward(
        self, vis: Tensor, ir: Tensor, gram_vis: Tensor | None = None, gram_ir: Tensor | None = None
    ) -> Tensor:
        """Return fused features, (B, C, H, W), of both sources' of that size.

        Args:
            vis: Features of the visible image.
            ir: Features of the infrared image.
            gram_vis: See `SelfAttention.forward`.
            gram_ir: See `SelfAttention.forward`.
        """
        return (self.attn1(ir, gram_ir) + self.attn2(vis, gram_vis)) / 2

    def grams(self, vis: Tensor, ir: Tensor, keep: tuple[slice, slice]) -> tuple[Tensor, Tensor]:
        """Return both sources' Gram matrices, of the rows and columns to keep."""
        sides = ((self.attn2, vis), (self.attn1, ir))
        of_vis, of_ir = (attention.gram(attention.tokens(x, keep)) for attention, x in sides)
        return of_vis, of_ir


class TransFuser6(nn.Module):
    """Fuse the luma of a visible image with an infrared one.

    It has 3,908,321 parameters; with the official code's unused batch norms 3,909,025.
    """

    stride = 8  # pixels: of the coarsest scale
    min_side = 16  # pixels: reflection needs two values at the coarsest scale
    receptive_radius = 80  # pixels, but for the Gram matrices, which see everything

    def __init__(self) -> None:
        super().__init__()
        for source in ("vi", "ir"):
            self.add_module(f"conv1_{source}", ConvLayer(1, STEM_WIDTH, 1))
            for scale, widths in enumerate(pairwise((STEM_WIDTH, *WIDTHS)), start=1):
                self.add_module(f"DB{scale}_{source}", DenseBlock(*widths))
        self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4 = (
            FusionBlock(width, heads) for width, heads in zip(WIDTHS, HEADS, strict=True)
        )
        w1, w2, w3, w4 = WIDTHS
        self.DB1_1 = ConvLayer(w1 + w2, w1, 3)
        self.DB2_1 = ConvLayer(w2 + w3, w2, 3)
        self.DB3_1 = ConvLayer(w3 + w4, w3, 3)
        self.DB1_2 = ConvLayer(2 * w1 + w2, w1, 3)
        self.DB2_2 = ConvLayer(2 * w2 + w3, w2, 3)
        self.DB1_3 = ConvLayer(3 * w1 + w2, w1, 3)
        self.conv_out = ConvLayer(w1, 1, 1)

    def forward(self, vis: Tensor, ir: Tensor, grams: Grams | None = None) -> Tensor:
        """Return the fused luma in [0, 1], (B, 1, H, W).

        Args:
            vis: Luma of the visible image, (B, 1, H, W), in [0, 1]; H and W of at least 16.
            ir: The infrared image, likewise.
            grams: From `grams` of the whole images, where these are tiles.
        """
        scales = zip(self.encode(vis, "vi"), self.encode(ir, "ir"), strict=True)
        known: Sequence[Sequence[Tensor | None]] = grams or [(None, None)] * len(WIDTHS)
        steps = zip(self.fusion_blocks, scales, known, strict=True)
        return self.decode([block(*pair, *gram) for block, pair, gram in steps])

    @property
    def fusion_blocks(self) -> list[FusionBlock]:
        """The fusion blocks of the four scales, the finest first."""
        return [self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4]

    def grams(self, vis: Tensor, ir: Tensor, keep: tuple[slice, slice]) -> Grams:
        """Return what attention sums over pixels, of a part of an image.

        Args:
            vis: See `forward`.
            ir: See `forward`.
            keep: Rows and columns of the part, multiples of `stride` where they are not the
                image's end.
        """
        found = []
        scales = zip(self.encode(vis, "vi"), self.encode(ir, "ir"), strict=True)
        for level, (block, pair) in enumerate(zip(self.fusion_blocks, scales, strict=True)):
            rows, columns = (slice(s.start >> level, s.stop >> level) for s in keep)
            found.append(block.grams(*pair, (rows, columns)))
        return found

    def encode(self, image: Tensor, source: str) -> Iterator[Tensor]:
        """Yield features at four scales, (B, 32, H, W) to (B, 128, H/8, W/8).

        One scale is made when it is asked for, so that not all need be held at once.

        Args:
            image: (B, 1, H, W) in [0, 1].
            source: `vi` or `ir`, which have an encoder each.
        """
        x = self.get_submodule(f"conv1_{source}")(image)
        for scale in (1, 2, 3, 4):
            x = self.get_submodule(f"DB{scale}_{source}")(x)
            yield x
            x = F.max_pool2d(x, 2)

    def decode(self, fused: Sequence[Tensor]) -> Tensor:
        """Return the fused luma in [0, 1], (B, 1, H, W), of fused features at four scales."""
        f1, f2, f3, f4 = fused
        x11 = self.join(self.DB1_1, f1, below=f2)
        x21 = self.join(self.DB2_1, f2, below=f3)
        x31 = self.join(self.DB3_1, f3, below=f4)
        x12 = self.join(self.DB1_2, f1, x11, below=x21)
        x22 = self.join(self.DB2_2, f2, x21, below=x31)
        x13 = self.join(self.DB1_3, f1, x11, x12, below=x22)
        return torch.tanh(self.conv_out(x13)) / 2 + 0.5

    def join(self, layer: ConvLayer, *row: Tensor, below: Tensor) -> Tensor:
        """Return a layer's output for maps of its row and of the scale below, doubled in size.

        The doubled map is never made, see `doubled_conv`.
        """
        weight, bias = layer.conv2d.weight, layer.conv2d.bias
        *own, doubled = weight.split([*(x.shape[1] for x in row), below.shape[1]], dim=1)
        joined = doubled_conv(below, doubled, row[0].shape[2:])
        for x, part in zip(row, own, strict=True):  # joined maps would be as large as all of them
            joined += F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), part, bias)
            bias = None
        return F.leaky_relu(joined, 0.01, inplace=True)
