"""DeepFuse: tied layers extract features of each exposure; their sum becomes the fused image.

Prabhakar, Srikar and Babu, "DeepFuse: A Deep Unsupervised Approach for Exposure Fusion with
Extreme Exposure Image Pairs", ICCV 2017, https://arxiv.org/abs/1712.07384. Official code:
KRamPrabhakar/DeepFuse (inference only, of another network than the paper's).

Departure: padding by reflection and LeakyReLU with slope 0.01, as the paper states neither. The
slope is the official code's.

Departure: the last layer is linear.

Departure: the network fuses N exposures, not just two; the sum of features is scaled by 2 / N.
"""

from typing import Literal

from torch import Tensor, nn

Padding = Literal["zeros", "reflect"]
SLOPE = 0.01


class ConvLayer(nn.Sequential):
    """A convolution that keeps the size, then an activation.

    Weights start normally distributed (He et al., ICCV 2015), biases at zero.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, padding: Padding, act: nn.Module
    ) -> None:
        conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=kernel // 2, padding_mode=padding
        )
        nn.init.kaiming_normal_(conv.weight, SLOPE, nonlinearity="leaky_relu")
        nn.init.zeros_(conv.get_parameter("bias"))
        super().__init__(conv, act)


class DeepFuse(nn.Module):
    """The network of Fig. 2: 88,961 parameters, luma only.

    Args:
        original: Compute as the original repository's code does (Cat2eacher/Image-Fusion): zero
            padding, a ReLU after the second layer and a sigmoid after the last one. Its batch
            normalization is folded into the weights when they are loaded.
    """

    receptive_radius = 12  # pixels: 2 + 3 + 3 + 2 + 2
    min_side = 4  # pixels: reflection by three needs four

    def __init__(self, original: bool = False) -> None:
        super().__init__()
        padding: Padding = "zeros" if original else "reflect"
        leaky = nn.LeakyReLU(SLOPE, inplace=True)
        self.conv1 = ConvLayer(1, 16, 5, padding, leaky)
        self.conv2 = ConvLayer(16, 32, 7, padding, nn.ReLU(inplace=True) if original else leaky)
        self.conv3 = ConvLayer(32, 32, 7, padding, leaky)
        self.conv4 = ConvLayer(32, 16, 5, padding, leaky)
        self.conv5 = ConvLayer(16, 1, 5, padding, nn.Sigmoid() if original else nn.Identity())

    def forward(self, exposures: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (B, N, H, W) to (B, 1, H, W), not clipped; sides of at least 4."""
        count = exposures.shape[1]
        each = [self.conv2(self.conv1(luma)) for luma in exposures.split(1, dim=1)]
        x = sum(each[1:], each[0]) * (2 / count)  # (B, 32, H, W)
        return self.conv5(self.conv4(self.conv3(x)))
