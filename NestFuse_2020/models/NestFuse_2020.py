"""NestFuse: a multi-scale encoder and a nest-connection decoder for infrared and visible images.

Li, Wu and Durrani, "NestFuse: An Infrared and Visible Image Fusion Architecture Based on Nest
Connection and Spatial/Channel Attention Models", IEEE Transactions on Instrumentation and
Measurement 69(12), 2020, https://arxiv.org/abs/2007.00328. Official code:
hli1221/imagefusion-nestfuse.

Departures: images are in [0, 1], not 0-255; with biases divided by 255 both compute the same. The
last layer is linear, the official code's ends in a ReLU.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils.common.upsample import doubled_conv

WIDTHS = (64, 112, 160, 208)  # channels of the four scales (Table I)
STEM_WIDTH = 16
DESCRIBED_WIDTH = 16  # inside every block of the described variant


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
    """ECB or DCB (Fig. 2): 3x3 to half the channels, then 1x1; described: 3x3 to 16, then 3x3."""

    def __init__(self, in_channels: int, out_channels: int, described: bool) -> None:
        width, kernel = (DESCRIBED_WIDTH, 3) if described else (in_channels // 2, 1)
        super().__init__(ConvLayer(in_channels, width, 3), ConvLayer(width, out_channels, kernel))


class Encoder(nn.Module):
    """The four encoder blocks, ECB10 to ECB40, each at half the size of the one before."""

    def __init__(self, in_channels: int = 1, described: bool = False) -> None:
        super().__init__()
        self.conv = ConvLayer(in_channels, STEM_WIDTH, 3 if described else 1)
        inputs = (STEM_WIDTH, *WIDTHS[:-1])
        self.ecb10, self.ecb20, self.ecb30, self.ecb40 = (
            ConvBlock(a, b, described) for a, b in zip(inputs, WIDTHS, strict=True)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of images in [0, 1], (B, C, H, W), at four scales.

        They are (B, 64, H, W), (B, 112, H/2, W/2), (B, 160, H/4, W/4) and (B, 208, H/8, W/8),
        sides rounded down; H and W of at least 16.
        """
        x10 = self.ecb10(self.conv(image))
        x20 = self.ecb20(F.max_pool2d(x10, 2))
        x30 = self.ecb30(F.max_pool2d(x20, 2))
        x40 = self.ecb40(F.max_pool2d(x30, 2))
        return [x10, x20, x30, x40]


class Decoder(nn.Module):
    """The nest connection (Fig. 2): every block sees all of its row and the scale below.

    Args:
        out_channels: 1 or 3.
        deep_supervision: Give an output from each of DCB11, DCB12 and DCB13.
        described: See `NestFuse`.
        output_relu: See `NestFuse`.
    """

    def __init__(
        self,
        out_channels: int = 1,
        deep_supervision: bool = False,
        described: bool = False,
        output_relu: bool = False,
    ) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.dcb11 = ConvBlock(w1 + w2, w1, described)
        self.dcb21 = ConvBlock(w2 + w3, w2, described)
        self.dcb31 = ConvBlock(w3 + w4, w3, described)
        self.dcb12 = ConvBlock(2 * w1 + w2, w1, described)
        self.dcb22 = ConvBlock(2 * w2 + w3, w2, described)
        self.dcb13 = ConvBlock(3 * w1 + w2, w1, described)
        self.outputs = nn.ModuleList(
            ConvLayer(w1, out_channels, 3 if described else 1, activate=output_relu)
            for _ in range(3 if deep_supervision else 1)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return unclipped images near [0, 1], each (B, C, H, W), the finest last.

        Args:
            features: As `Encoder` gives them.
        """
        x10, x20, x30, x40 = features
        x11 = self.join(self.dcb11, x10, below=x20)
        x21 = self.join(self.dcb21, x20, below=x30)
        x31 = self.join(self.dcb31, x30, below=x40)
        x12 = self.join(self.dcb12, x10, x11, below=x21)
        x22 = self.join(self.dcb22, x20, x21, below=x31)
        x13 = self.join(self.dcb13, x10, x11, x12, below=x22)
        last = [x11, x12, x13][-len(self.outputs) :]
        return [output(x) for output, x in zip(self.outputs, last, strict=True)]

    def join(self, block: ConvBlock, *row: Tensor, below: Tensor) -> Tensor:
        """Return a block's output for maps of its row and of the scale below, doubled in size.

        The doubled map is never made: a 3x3 convolution of it is a transposed convolution of the
        map itself, with 16 products for each of its values instead of 36 (`doubled_conv`).
        """
        weight, bias = block.get_parameter("0.0.weight"), block.get_parameter("0.0.bias")
        own = sum(x.shape[1] for x in row)  # of the input channels
        x = F.pad(torch.cat(row, dim=1), (1, 1, 1, 1), mode="reflect")
        x = F.conv2d(x, weight[:, :own], bias)
        x = x + doubled_conv(below, weight[:, own:], x.shape[2:])
        return block[1](F.relu(x))


class NestFuse(nn.Module):
    """The auto-encoder that is trained; fusing puts attention between its two halves.

    Args:
        channels: 1 (gray, 2,732,761 parameters) or 3 (RGB).
        deep_supervision: Give three outputs, of which the loss is averaged. The authors' code
            offers it; the paper did not use it.
        described: The all-3x3 variant of the original repository, 465,121 parameters in gray.
        output_relu: End in a ReLU as the official code does.
    """

    stride = 8  # pixels: of the coarsest scale
    min_side = 16  # pixels: reflection needs two values at the coarsest scale

    def __init__(
        self,
        channels: int = 1,
        deep_supervision: bool = False,
        described: bool = False,
        output_relu: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.described = described
        self.receptive_radius = 53 if described else 29  # pixels
        self.encoder = Encoder(channels, described)
        self.decoder = Decoder(channels, deep_supervision, described, output_relu)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Reconstruct images in [0, 1], (B, C, H, W): one or three of them, the finest last."""
        return self.decoder(self.encoder(image))
