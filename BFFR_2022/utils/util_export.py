"""What ONNX files of BFFR's fuser compute.

Attention needs the Gram matrices of the whole image. The file for whole images computes them
itself. For tiles, one file computes a tile's matrices, and another one fuses a tile, given the sums
of the matrices of all tiles.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.TransFuser6 import WIDTHS, Join, TransFuser6
from utils.common.export import Graph
from utils.common.infrared_pairs import PAIR
from utils.util_fast import fuse_tile, fusion_blocks, gram_of, tokens_of

IMAGES = dict.fromkeys(PAIR, 1)
GRAMS = tuple(f"gram{scale}_{name}" for scale in range(1, len(WIDTHS) + 1) for name in PAIR)


def use_exportable_form(model: TransFuser6) -> None:
    """Switch a network in its fast form to the paper's joins, in place.

    ONNX has no paddings that depend on the size.
    """
    for module in model.modules():
        if isinstance(module, Join):
            module.__class__ = Join


def tiled_graphs(model: TransFuser6) -> list[Graph]:
    """Return the graph that fuses a tile, and the one that measures its Gram matrices."""
    sides = [width for width in WIDTHS for _ in PAIR]
    grams = [torch.eye(side, dtype=torch.float64)[None] for side in sides]
    fuse = Graph(FuseTile(model), IMAGES, dict(zip(GRAMS, grams, strict=True)))
    return [fuse, Graph(MeasureGrams(model), {**IMAGES, "mask": 1}, outputs=GRAMS)]


class FuseTile(nn.Module):
    """Fuse a tile, given the Gram matrices of the whole image."""

    def __init__(self, model: TransFuser6) -> None:
        super().__init__()
        self.model = model

    def forward(self, vis: Tensor, ir: Tensor, *grams: Tensor) -> Tensor:
        """Return the fused tile, (1, 1, H, W), in [0, 1].

        Args:
            vis: Visible tile, (1, 1, H, W), in [0, 1].
            ir: Infrared tile, of the same shape and range.
            grams: Of the whole image, float64, (1, C, C), in the order of `GRAMS`.
        """
        pairs = list(zip(grams[::2], grams[1::2], strict=True))
        return fuse_tile(self.model, torch.cat([vis, ir]), pairs)


class MeasureGrams(nn.Module):
    """Compute the Gram matrices of a tile, without its margin."""

    def __init__(self, model: TransFuser6) -> None:
        super().__init__()
        self.model = model

    def forward(self, vis: Tensor, ir: Tensor, mask: Tensor) -> list[Tensor]:
        """Return float64 matrices, (1, C, C), in the order of `GRAMS`.

        Args:
            vis: Visible tile, (1, 1, H, W), in [0, 1].
            ir: Infrared tile, of the same shape and range.
            mask: 1 in the tile, 0 in its margin, (1, 1, H, W). The tile begins and ends at
                multiples of the network's stride, or where the image does.
        """
        grams = []
        scales = zip(fusion_blocks(self.model), self.model.encode(vis, ir), strict=True)
        for block, (v, i) in scales:
            kept = mask.flatten(2).mT  # (1, HW, 1)
            grams.append(gram_of(tokens_of(block.attn2, v) * kept, exact=True))
            grams.append(gram_of(tokens_of(block.attn1, i) * kept, exact=True))
            mask = F.max_pool2d(mask, 2)
        return grams
