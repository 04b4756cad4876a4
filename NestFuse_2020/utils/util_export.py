"""What ONNX files of NestFuse compute, if they are for tiles of large images.

One file gathers from each tile what channel attention needs of the whole image, another one fuses
a tile, given what all tiles have together.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.fusion_strategy import pool
from models.NestFuse_2020 import WIDTHS, NestFuse, join
from utils.common.export import Graph
from utils.common.infrared_pairs import PAIR
from utils.util_fusion import ImageFusion

POOLED = tuple(f"pooled{scale}" for scale in range(1, len(WIDTHS) + 1))


def use_plain_joins(model: NestFuse) -> None:
    """Switch a network to the paper's joins: ONNX has no paddings that depend on the size."""
    model.decoder.join = join


def tiled_graphs(fusion: ImageFusion) -> list[Graph]:
    """Return the graph that fuses a tile, and the one that gathers its statistics."""
    images = dict.fromkeys(PAIR, fusion.channels)
    dtype = torch.float64 if fusion.channel == "avg" else torch.float32
    pooled = [torch.ones(len(PAIR), 1, width, dtype=dtype) for width in WIDTHS]
    fuse = Graph(FuseTile(fusion), images, dict(zip(POOLED, pooled, strict=True)))
    return [fuse, Graph(GatherPools(fusion), {**images, "mask": 1}, outputs=POOLED)]


class FuseTile(nn.Module):
    """Fuse a tile, given the statistics of the whole image."""

    def __init__(self, fusion: ImageFusion) -> None:
        super().__init__()
        self.model = fusion.model
        self.fuse_planes = fusion.fuse_planes

    def forward(self, vis: Tensor, ir: Tensor, *pooled: Tensor) -> Tensor:
        """Return the fused tile, (1, C, H, W), not clipped.

        Args:
            vis: Visible tile, (1, C, H, W), in [0, 1].
            ir: Infrared tile, of the same shape and range.
            pooled: Sums or maxima over the whole image for each scale, (2, 1, C), the finest
                first. Channel attention takes ratios, so that sums serve as well as averages.
        """
        return self.fuse_planes(torch.cat([vis, ir]), [each.float() for each in pooled])


class GatherPools(nn.Module):
    """Gather the sums or the maxima of a tile's maps, without those of its margin."""

    def __init__(self, fusion: ImageFusion) -> None:
        super().__init__()
        self.encoder = fusion.model.encoder
        self.kind = fusion.channel

    def forward(self, vis: Tensor, ir: Tensor, mask: Tensor) -> list[Tensor]:
        """Return sums (float64) or maxima of each scale, (2, 1, C), the finest first.

        Args:
            vis: Visible tile, (1, C, H, W), in [0, 1].
            ir: Infrared tile, of the same shape and range.
            mask: 1 in the tile, 0 in its margin, (1, 1, H, W). The tile begins and ends at
                multiples of the network's stride, or where the image does.
        """
        found = []
        for scale in self.encoder(torch.cat([vis, ir])):  # (2, C, H, W), not negative
            kept = scale * mask
            if self.kind == "avg":
                found.append(kept.sum(dim=3).double().sum(dim=2).unsqueeze(1))
            else:
                found.append(pool(kept.unsqueeze(1), "max"))
            mask = F.max_pool2d(mask, 2)
        return found
