"""Filters, written as weighted sums of shifted images.

Sums of shifted views take less time in float64 than a convolution of PyTorch's on a CPU, keep
differences of equal values exactly 0, and know no reduced precision (TF32) on a GPU.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def separable(image: Tensor, weights: Sequence[float]) -> Tensor:
    """Average with the same n weights along rows and columns, (B, 1, H - n + 1, W - n + 1)."""
    return along(along(image, weights, -2), weights, -1)


def along(image: Tensor, weights: Sequence[float], dim: int) -> Tensor:
    """Return sum_k weights_k image(x + k) along one dimension, where all of it is inside."""
    size = image.shape[dim] - len(weights) + 1
    total = image.narrow(dim, 0, size) * weights[0]
    for offset, weight in enumerate(weights[1:], start=1):
        total.add_(image.narrow(dim, offset, size), alpha=weight)
    return total


def gaussian_weights(size: int, sigma: float) -> list[float]:
    """Return `size` values of a Gaussian about the middle, of sum 1."""
    values = [math.exp(-((k - (size - 1) / 2) ** 2) / (2 * sigma**2)) for k in range(size)]
    return [value / sum(values) for value in values]


def sobel(image: Tensor, border: str) -> tuple[Tensor, Tensor]:
    """Return the responses of the Sobel operators to the right and down, (B, 1, H, W) each.

    Args:
        image: Batch of images, (B, 1, H, W).
        border: What lies outside: "constant" for zeros, "replicate", or "reflect".
    """
    padded = F.pad(image, (1, 1, 1, 1), mode=border)
    right = along(padded[..., 2:] - padded[..., :-2], (1, 2, 1), -2)
    down = along(padded[..., 2:, :] - padded[..., :-2, :], (1, 2, 1), -1)
    return right, down


def halve(image: Tensor) -> Tensor:
    """Return the means of 2 x 2 pixels, an odd last row or column repeated."""
    height, width = image.shape[-2:]
    even = F.pad(image, (0, width % 2, 0, height % 2), mode="replicate")
    return F.avg_pool2d(even, 2)


def strength(right: Tensor, down: Tensor) -> Tensor:
    """Return sqrt(right^2 + down^2), equal for equal squares, which hypot does not promise."""
    return torch.sqrt(right * right + down * down)
