"""The nest connection without its doubled maps: the same function as `models`, faster."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.NestFuse_2020 import ConvBlock, NestFuse
from utils.common.upsample import doubled_conv


def use_fast_joins(model: NestFuse) -> NestFuse:
    """Switch a network to `fast_join` in place and return it; its parameters stay as they are."""
    model.decoder.join = fast_join
    return model


def fast_join(block: ConvBlock, *row: Tensor, below: Tensor) -> Tensor:
    """Return what `models.NestFuse_2020.join` returns, without making the doubled map.

    The first convolution of the block is split into the part that reads the row and the part that
    reads the doubled map. `doubled_conv` computes the second with 16 products for each value of
    `below` instead of 36.
    """
    weight, bias = block.get_parameter("0.0.weight"), block.get_parameter("0.0.bias")
    own = sum(x.shape[1] for x in row)  # input channels that the row fills
    x = F.pad(torch.cat(row, dim=1), (1, 1, 1, 1), mode="reflect")
    x = F.conv2d(x, weight[:, :own], bias)
    x = x + doubled_conv(below, weight[:, own:], x.shape[2:])
    return block[1](F.relu(x))
