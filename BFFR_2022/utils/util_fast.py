"""A faster form of TransFuser6: the same function and parameters, computed in another order.

- Attention needs its tokens t, (HW, C), only through sums over all pixels and through one matrix:
  the scores q'k are Wq' (t't) Wk, and (v context) Wo is t (Wv context Wo). So the C x C Gram
  matrix t't replaces q, k and v, which are never formed.
- The joins of the decoder convolve the coarser map without doubling it, see `doubled_conv`.
- For evaluation, batch norms are folded into the convolutions before them.

The Gram matrices are all that a tile needs to know of the whole image.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.TransFuser6 import ConvNormReLU, FusionBlock, Join, SelfAttention, TransFuser6
from utils.common.upsample import doubled_conv

TOKENS_AT_ONCE = 2**16  # converted to float64; a copy of all tokens would be twice their size
Grams = list[tuple[Tensor, Tensor]]  # for each scale: visible and infrared, (B, C, C)


def use_fast_form(model: TransFuser6) -> None:
    """Switch a network to its fast form in place.

    Only the classes of its modules change, as `torch.nn.utils.parametrize` changes them;
    parameters, their names and hooks stay.
    """
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.__class__ = FastSelfAttention
        elif isinstance(module, Join):
            module.__class__ = FastJoin


def fold_norms(model: TransFuser6) -> None:
    """Fold batch norms into the convolutions before them, in place; for evaluation only."""
    for block in list(model.modules()):
        if isinstance(block, ConvNormReLU) and isinstance(block.batch_norm, nn.BatchNorm2d):
            block.conv2d = fuse_conv_bn_eval(block.conv2d, block.batch_norm)
            block.batch_norm = nn.Identity()


class FastSelfAttention(SelfAttention):
    """`SelfAttention` computed from the Gram matrix of its tokens."""

    def forward(self, x: Tensor, gram: Tensor | None = None) -> Tensor:
        """Return attended features, (B, C, H, W), for `x` of the same shape.

        Args:
            x: Features of a source, for an image or a tile.
            gram: The Gram matrix of the whole image, (B, C, C), if `x` is a tile of it.
        """
        attended = self.attend(tokens_of(self, x), gram)  # (B, HW, C)
        return x + x * self.ffn(attended.mT.unflatten(2, x.shape[2:]))  # (B, C, H, W)

    def attend(self, tokens: Tensor, gram: Tensor | None) -> Tensor:
        """Return attended, projected and normalized tokens, (B, HW, C).

        A function of its own, so that the tokens are freed before `ffn` needs its memory.
        """
        with torch.autocast(tokens.device.type, enabled=False):  # bfloat16 sums are too coarse
            if gram is None:
                gram = gram_of(tokens, exact=not self.training)  # (B, C, C)
            mixer = self.mixer_of(gram)  # (B, C, C)
        return self.norm1(tokens @ mixer.to(tokens) + self.end_proj1.bias)

    def mixer_of(self, gram: Tensor) -> Tensor:
        """Return the matrix Wv context Wo that maps tokens to attended ones, (B, C, C)."""
        wq, wk, wv = (
            layer.weight.unflatten(0, (self.heads, -1)).to(gram)  # (heads, C / heads, C)
            for layer in (self.wq1, self.wk1, self.wv1)
        )
        scores = wq @ gram[:, None] @ wk.mT  # q'k: (B, heads, C / heads, C / heads)
        context = (scores * wq.shape[1] ** -0.5).softmax(dim=-2)
        values = (wv.mT @ context).movedim(1, 2).flatten(2)  # (B, C, C)
        return values @ self.end_proj1.weight.mT.to(gram)


def tokens_of(
    attention: SelfAttention, x: Tensor, keep: tuple[slice, slice] = (slice(None), slice(None))
) -> Tensor:
    """Return the tokens t, (B, HW, C), of features (B, C, H, W), or of some rows and columns."""
    return attention.conv_pre(x)[..., keep[0], keep[1]].flatten(2).mT


def gram_of(tokens: Tensor, exact: bool) -> Tensor:
    """Return the Gram matrix t't, (B, C, C), of tokens (B, HW, C).

    Args:
        tokens: The tokens of an image or of a part of it.
        exact: Sum in float64, if the device has it. The scores are so large that without it the
            order of the sums would be visible in fused images.
    """
    if not exact or tokens.device.type == "mps":
        tokens = tokens.float()
        return tokens.mT @ tokens
    if torch.compiler.is_compiling():  # an exported graph has no loop over an unknown number
        return tokens.double().mT @ tokens.double()
    parts = (part.double() for part in tokens.split(TOKENS_AT_ONCE, dim=1))
    return torch.stack([part.mT @ part for part in parts]).sum(dim=0)


class FastJoin(Join):
    """`Join` without the doubled map and without the joined one."""

    def forward(self, *row: Tensor, below: Tensor) -> Tensor:
        """Return the map of a node, (B, out, H, W); see `Join.forward`."""
        weight, bias = self.conv2d.weight, self.conv2d.bias
        *own, doubled = weight.split([*(x.shape[1] for x in row), below.shape[1]], dim=1)
        joined = doubled_conv(below, doubled, row[0].shape[2:])
        for x, part in zip(row, own, strict=True):
            joined += F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), part, bias)
            bias = None
        return F.leaky_relu(joined, 0.01, inplace=True)


def fusion_blocks(model: TransFuser6) -> list[FusionBlock]:
    """Return the fusion blocks of the four scales, the finest first."""
    return [model.fusion_block1, model.fusion_block2, model.fusion_block3, model.fusion_block4]


def measure_grams(model: TransFuser6, planes: Tensor, keep: tuple[slice, slice]) -> Grams:
    """Return the Gram matrices of a tile.

    Args:
        model: A network in its fast form.
        planes: The tile with its border, visible and infrared, (2, 1, H, W), in [0, 1].
        keep: Rows and columns of the tile without its border. They are multiples of the network's
            stride, except where the image ends.
    """
    vis, ir = planes.split(1)
    grams = []
    scales = zip(fusion_blocks(model), model.encode(vis, ir), strict=True)
    for level, (block, (v, i)) in enumerate(scales):
        rows, columns = (slice(s.start >> level, s.stop >> level) for s in keep)
        gram_vis = gram_of(tokens_of(block.attn2, v, (rows, columns)), exact=True)
        gram_ir = gram_of(tokens_of(block.attn1, i, (rows, columns)), exact=True)
        grams.append((gram_vis, gram_ir))
    return grams


def sum_grams(parts: Iterable[Grams]) -> Grams:
    """Return the Gram matrices of a whole image: the sums of those of its tiles."""
    total: Grams = []
    for grams in parts:
        pairs = zip(total, grams, strict=True)
        total = [(v + a, i + b) for (v, i), (a, b) in pairs] if total else grams
    return total


def fuse_tile(model: TransFuser6, planes: Tensor, grams: Grams) -> Tensor:
    """Return the fused luma of a tile, (1, 1, H, W), as it is in the fused whole image.

    Args:
        model: A network in its fast form.
        planes: The tile with its border, visible and infrared, (2, 1, H, W), in [0, 1].
        grams: Gram matrices of the whole image.
    """
    vis, ir = planes.split(1)
    scales = zip(fusion_blocks(model), model.encode(vis, ir), grams, strict=True)
    fused = [
        (block.attn1(i, gram_ir) + block.attn2(v, gram_vis)) / 2
        for block, (v, i), (gram_vis, gram_ir) in scales
    ]
    return model.decode(*fused)
