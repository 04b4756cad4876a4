"""NestFuse: a multi-scale encoder and a nest-connection decoder for infrared and visible images.

Li, Wu and Durrani, "NestFuse: An Infrared and Visible Image Fusion Architecture Based on Nest
Connection and Spatial/Channel Attention Models", IEEE Transactions on Instrumentation and
Measurement 69(12), 2020, https://arxiv.org/abs/2007.00328. Official code:
hli1221/imagefusion-nestfuse.

Departure: images are in [0, 1], not 0-255. Networks whose biases differ by the factor 255 compute
the same.

Departure: the last layer is linear; the official code ends in a ReLU.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (64, 112, 160, 208)  # channels of the four scales (Table I)
STEM_WIDTH = 16


class ConvLayer(nn.Sequential):
    """A convolution with reflect padding, then ReLU unless `activate` is false.

    Weights start normally distributed (He et al., ICCV 2015), biases at zero.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, activate: bool = True
    ) -> None:
        conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=kernel // 2, padding_mode="reflect"
        )
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.get_parameter("bias"))
        super().__init__(conv, *([nn.ReLU(inplace=True)] if activate else []))


class ConvBlock(nn.Sequential):
    """ECB or DCB (Fig. 2): a 3x3 layer to half of the input channels, then a 1x1 layer."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        width = in_channels // 2
        super().__init__(ConvLayer(in_channels, width, 3), ConvLayer(width, out_channels, 1))


class Encoder(nn.Module):
    """The four encoder blocks, ECB10 to ECB40, each at half the size of the one before."""

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.conv = ConvLayer(in_channels, STEM_WIDTH, 1)
        self.ecb10 = ConvBlock(STEM_WIDTH, w1)
        self.ecb20 = ConvBlock(w1, w2)
        self.ecb30 = ConvBlock(w2, w3)
        self.ecb40 = ConvBlock(w3, w4)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of images at four scales, the finest first.

        Args:
            image: (B, C, H, W) in [0, 1]; H and W are at least 16. Pooling rounds sides down.
        """
        x10 = self.ecb10(self.conv(image))  # (B, 64, H, W)
        x20 = self.ecb20(F.max_pool2d(x10, 2))  # (B, 112, H/2, W/2)
        x30 = self.ecb30(F.max_pool2d(x20, 2))  # (B, 160, H/4, W/4)
        x40 = self.ecb40(F.max_pool2d(x30, 2))  # (B, 208, H/8, W/8)
        return [x10, x20, x30, x40]


class Decoder(nn.Module):
    """The nest connection (Fig. 2): each block takes all maps of its row and the map below.

    Args:
        out_channels: 1 or 3.
        deep_supervision: Give an output from each of DCB11, DCB12 and DCB13.
        output_relu: End in a ReLU as the official code does.
    """

    def __init__(
        self, out_channels: int = 1, deep_supervision: bool = False, output_relu: bool = False
    ) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.dcb11 = ConvBlock(w1 + w2, w1)
        self.dcb21 = ConvBlock(w2 + w3, w2)
        self.dcb31 = ConvBlock(w3 + w4, w3)
        self.dcb12 = ConvBlock(2 * w1 + w2, w1)
        self.dcb22 = ConvBlock(2 * w2 + w3, w2)
        self.dcb13 = ConvBlock(3 * w1 + w2, w1)
        self.outputs = nn.ModuleList(
            ConvLayer(w1, out_channels, 1, activate=output_relu)
            for _ in range(3 if deep_supervision else 1)
        )
        self.join = join  # `utils.util_fast` has a faster form of it

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return one or three unclipped images near [0, 1], each (B, C, H, W), the finest last.

        Args:
            features: Four maps as `Encoder` returns them.
        """
        x10, x20, x30, x40 = features
        x11 = self.join(self.dcb11, x10, below=x20)  # (B, 64, H, W)
        x21 = self.join(self.dcb21, x20, below=x30)  # (B, 112, H/2, W/2)
        x31 = self.join(self.dcb31, x30, below=x40)  # (B, 160, H/4, W/4)
        x12 = self.join(self.dcb12, x10, x11, below=x21)  # (B, 64, H, W)
        x22 = self.join(self.dcb22, x20, x21, below=x31)  # (B, 112, H/2, W/2)
        x13 = self.join(self.dcb13, x10, x11, x12, below=x22)  # (B, 64, H, W)
        last = [x11, x12, x13][-len(self.outputs) :]
        return [output(x) for output, x in zip(self.outputs, last, strict=True)]


class NestFuse(nn.Module):
    """The auto-encoder that is trained; fusing puts attention between its two halves.

    Args:
        channels: 1 (gray, 2,732,761 parameters) or 3 (RGB, 2,732,923 parameters).
        deep_supervision: Give three outputs, of which the loss is averaged. The authors' code
            offers it; the paper did not use it.
        output_relu: End in a ReLU as the official code does.
    """

    receptive_radius = 29  # pixels
    stride = 8  # pixels of the image for each value of the coarsest scale
    min_side = 16  # pixels: reflection needs two values at the coarsest scale

    def __init__(
        self, channels: int = 1, deep_supervision: bool = False, output_relu: bool = False
    ) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels)
        self.decoder = Decoder(channels, deep_supervision, output_relu)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Reconstruct images in [0, 1], (B, C, H, W): one or three of them, the finest last."""
        return self.decoder(self.encoder(image))


def join(block: ConvBlock, *row: Tensor, below: Tensor) -> Tensor:
    """Apply a block to the maps of its row and the map below, doubled (Fig. 2).

    Args:
        block: From (B, C + D, H, W) to its output channels.
        row: Maps of one scale, (B, ..., H, W), of C channels together.
        below: Map of the next coarser scale, (B, D, H/2, W/2), sides rounded down.
    """
    return block(torch.cat([*row, double(below, like=row[0])], dim=1))


def double(x: Tensor, like: Tensor) -> Tensor:
    """Return maps doubled by nearest neighbor, with odd sides reflected to the size of `like`."""
    x = F.interpolate(x, scale_factor=2, mode="nearest")
    bottom, right = (like.shape[i] - x.shape[i] for i in (2, 3))  # 0 or 1
    return F.pad(x, (0, right, 0, bottom), mode="reflect")
