"""DenseFuse: a dense encoder and a plain decoder for infrared and visible images.

Li and Wu, "DenseFuse: A Fusion Approach to Infrared and Visible Images", IEEE Transactions on
Image Processing 28(5), 2019, https://arxiv.org/abs/1804.08361. Official code:
hli1221/imagefusion_densefuse (TensorFlow) and hli1221/densefuse-pytorch.

Departure: images are in [0, 1], not 0-255. Networks whose biases differ by the factor 255 compute
the same.
"""

import torch
from torch import Tensor, nn


class ConvLayer(nn.Sequential):
    """A 3x3 convolution with reflect padding, then ReLU unless `activate` is false.

    Weights start normally distributed (He et al., ICCV 2015), biases at zero.
    """

    def __init__(self, in_channels: int, out_channels: int, activate: bool = True) -> None:
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect")
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.get_parameter("bias"))
        super().__init__(conv, *([nn.ReLU(inplace=True)] if activate else []))


class Encoder(nn.Module):
    """C1 and the dense block (Sec. III-A, Fig. 3): 64 feature maps of the image's size."""

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = ConvLayer(in_channels, 16)
        self.dense1 = ConvLayer(16, 16)
        self.dense2 = ConvLayer(32, 16)
        self.dense3 = ConvLayer(48, 16)

    def forward(self, image: Tensor) -> Tensor:
        """Return the features of images in [0, 1]: (B, C, H, W) to (B, 64, H, W)."""
        x = self.conv1(image)  # (B, 16, H, W)
        x = torch.cat([x, self.dense1(x)], dim=1)  # (B, 32, H, W)
        x = torch.cat([x, self.dense2(x)], dim=1)  # (B, 48, H, W)
        return torch.cat([x, self.dense3(x)], dim=1)  # (B, 64, H, W)


class Decoder(nn.Module):
    """C2 to C5 (Sec. III-A, Table I): features back to an image."""

    def __init__(self, out_channels: int = 1, output_relu: bool = False) -> None:
        super().__init__()
        self.conv2 = ConvLayer(64, 64)
        self.conv3 = ConvLayer(64, 32)
        self.conv4 = ConvLayer(32, 16)
        self.conv5 = ConvLayer(16, out_channels, activate=output_relu)

    def forward(self, features: Tensor) -> Tensor:
        """Return unclipped images near [0, 1]: (B, 64, H, W) to (B, C, H, W)."""
        x = self.conv2(features)  # (B, 64, H, W)
        x = self.conv3(x)  # (B, 32, H, W)
        x = self.conv4(x)  # (B, 16, H, W)
        return self.conv5(x)  # (B, C, H, W)


class DenseFuse(nn.Module):
    """The auto-encoder that is trained; fusing puts a strategy between its two halves.

    Args:
        channels: 1 (gray, 74,193 parameters) or 3 (RGB, 74,771 parameters).
        output_relu: End in a ReLU as the authors' PyTorch code does; the paper's last layer is
            linear.
    """

    receptive_radius = 8  # pixels: eight 3x3 layers

    def __init__(self, channels: int = 1, output_relu: bool = False) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = Encoder(channels)
        self.decoder = Decoder(channels, output_relu)

    def forward(self, image: Tensor) -> Tensor:
        """Reconstruct images in [0, 1]: (B, C, H, W) to (B, C, H, W); H and W at least 2."""
        return self.decoder(self.encoder(image))
