"""U2Fusion: one densely connected network for every kind of pair.

Xu, Ma, Jiang, Guo and Ling, "U2Fusion: A Unified Unsupervised Image Fusion Network", IEEE TPAMI
44(1), 2022, https://doi.org/10.1109/TPAMI.2020.3012548. Official code: hanna-xu/U2Fusion
(TensorFlow).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of LeakyReLU
GROWTH = 44
DECODER = (128, 64, 32)  # channels
INIT_STD = 0.05


class ConvLayer(nn.Conv2d):
    """A 3x3 convolution without padding; weights start truncated normal, biases at zero."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3)

    def reset_parameters(self) -> None:
        """Draw the weights as the official code does, cut off at two standard deviations."""
        nn.init.trunc_normal_(self.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class DenseNet(nn.Module):
    """The paper's network of ten layers: 659,217 parameters, two lumas in, one out."""

    receptive_radius = 10  # pixels: one for each layer

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvLayer(2, GROWTH)
        self.dense = nn.ModuleList(ConvLayer(GROWTH * n, GROWTH) for n in range(1, 6))
        widths = (6 * GROWTH, *DECODER)
        self.decoder = nn.ModuleList(map(ConvLayer, widths, widths[1:]))
        self.conv_out = ConvLayer(DECODER[-1], 1)
        self.act = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, pair: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (B, 2, H, W) to (B, 1, H, W) in [0, 1]; sides of at least 2.

        Each map is padded once, when it is made, and not again in every layer that reads it.
        """
        x = reflect(self.act(self.conv1(reflect(pair))))  # (B, 44, H + 2, W + 2)
        for layer in self.dense:
            x = torch.cat([x, reflect(self.act(layer(x)))], dim=1)  # (B, 88 to 264, H + 2, W + 2)
        for layer in self.decoder:
            x = reflect(self.act(layer(x)))  # (B, 128 to 32, H + 2, W + 2)
        return self.conv_out(x).tanh() / 2 + 0.5


def reflect(maps: Tensor) -> Tensor:
    """Return maps with a border of one reflected pixel."""
    return F.pad(maps, (1, 1, 1, 1), mode="reflect")
