"""DeepFuse over a pyramid: the paper's network, applied to smaller copies of the exposures too.

Departure: the paper has one size. The network sees 25x25 pixels, too few to know whether a bright
region is a white wall or a burnt window. Here the same weights fuse the exposures y(0), and y(1),
y(2), ..., each half as large as the one before. The coarsest result is R = N(y); at each finer size

    R(l) = N(y(l)) + U(R(l + 1) - D(N(y(l)))),

where N is the network, D the mean of squares of 2x2 pixels, and U bilinear doubling: details come
from the finer result and what is coarser than them from R(l + 1).
"""

import torch.nn.functional as F
from torch import Tensor

from models.DeepFuse import DeepFuse


class DeepFusePyramid(DeepFuse):
    """The network of `DeepFuse`, with the same weights at every level of a pyramid.

    Args:
        levels: Number of sizes; 1 is the paper's network.
    """

    def __init__(self, levels: int = 3) -> None:
        super().__init__()
        self.levels = levels
        self.stride = 2 ** (levels - 1)
        self.min_side = DeepFuse.min_side * self.stride
        for _ in range(levels - 1):  # pixels: one more on each side for `double`, then twice
            self.receptive_radius = 2 * (self.receptive_radius + 1)

    def forward(self, exposures: Tensor) -> Tensor:
        """Fuse lumas in [0, 1]: (B, N, H, W) to (B, 1, H, W), not clipped."""
        sizes = [exposures]
        while len(sizes) < self.levels:
            sizes.append(halve(sizes[-1]))
        result = super().forward(sizes.pop())
        while sizes:
            fused = super().forward(sizes.pop())
            result = fused + double(result - halve(fused), like=fused)
        return result


def halve(images: Tensor) -> Tensor:
    """Return the means of 2x2 pixels: (B, C, H, W) to (B, C, H / 2, W / 2), rounded up.

    An odd last row or column is averaged with itself: one is added, and ignored if sides are even.
    """
    return F.avg_pool2d(F.pad(images, (0, 1, 0, 1), mode="replicate"), 2)


def double(images: Tensor, like: Tensor) -> Tensor:
    """Return images of twice the size, bilinear, cut to the height and width of others."""
    doubled = F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled[..., : like.shape[2], : like.shape[3]]
