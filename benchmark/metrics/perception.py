"""Metrics that model human vision."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.metrics.arrays import image_mean, image_sum, metric_of_sources
from benchmark.metrics.filters import along, sobel, strength

CONTRAST_WINDOW = 31  # pixels, side
BLOCK = 16  # pixels, side
DEGREES_QCB, DEGREES_QCV = 15, 4  # angle that the image spans in the visual field, each way


@metric_of_sources("Qcb", pair=True)
def qcb(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return Q_CB, how much of the sources' visible contrast is kept, 0 to 1 for A = B = F.

    Chen and Blum, Image and Vision Computing 2009. Each image is filtered with the contrast
    sensitivity S(r) = exp(-(r / 15.387)^2) - 0.7622 exp(-(r / 1.3456)^2), r in cycles per degree of
    an image that spans 15 degrees each way. Its contrast is C = |G_2 * I / (G_4 * I) - 1|, G_s
    Gaussians of sigma s in 31 x 31 pixels, zeros outside; masked, C' = C^3 / (C^2 + 0.0001). Then

        Q_CB = mean (l_A Q_AF + l_B Q_BF), Q_SF = min(C'_S, C'_F) / max(C'_S, C'_F),
        l_S = C'_S^2 / (C'_A^2 + C'_B^2).

    The ratio of two contrasts of 0 is 1, and l = 1/2 where both sources have a contrast of 0. The
    contrast of a black image is 0. So constant images have 1.

    Args:
        sources: Luma of the two source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If there are not two sources.
    """
    a, b, f = (
        _masked_contrast(_filter(luma, DEGREES_QCB, _difference)) for luma in (*sources, fused)
    )
    energy = a * a + b * b
    share = torch.where(energy > 0, a * a / energy, 0.5)
    return image_mean(share * _ratio(a, f) + (1 - share) * _ratio(b, f))


def _difference(r: Tensor) -> Tensor:
    """Return Chen and Blum's contrast sensitivity."""
    return torch.exp(-((r / 15.387) ** 2)) - 0.7622 * torch.exp(-((r / 1.3456) ** 2))


def _masked_contrast(image: Tensor) -> Tensor:
    """Return C' of each pixel, (B, 1, H, W)."""
    fine, coarse = _blur(image, 2), _blur(image, 4)
    contrast = torch.where(coarse != 0, fine / coarse - 1, 0).abs()
    return contrast**3 / (contrast**2 + 1e-4)


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian of 31 x 31 pixels, zeros outside the image, (B, 1, H, W)."""
    edge = CONTRAST_WINDOW // 2
    weights = [
        math.exp(-(x**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
        for x in range(-edge, edge + 1)
    ]
    return along(along(F.pad(image, (edge,) * 4), weights, -2), weights, -1)


def _ratio(x: Tensor, y: Tensor) -> Tensor:
    """Return the smaller value over the larger, 1 where both are 0."""
    larger = torch.maximum(x, y)
    return torch.where(larger > 0, torch.minimum(x, y) / larger, 1)


@metric_of_sources("Qcv")
def qcv(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return Q_CV, the visible difference to the sources, from 0 for A = B = F; less is better.

    Q_CV = sum_S sum_W l_S(W) D_S(W) / sum_S sum_W l_S(W) over blocks W of 16 x 16 pixels, the last
    ones filled up with zeros (Chen and Varshney, Information Fusion 2007): the saliency l_S is the
    sum of g^5, g the strength of Sobel edges, zeros outside the image; D_S is the mean square of
    S - F filtered with the contrast sensitivity of Mannos and Sakrison, 2.6 (0.0192 + 0.144 r)
    exp(-(0.144 r)^1.1), r in cycles per degree of an image that spans 4 degrees each way (0.144 as
    in the published code, where Mannos and Sakrison have 0.114). NaN where both sources are black.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    distance = weight = fused.new_zeros(fused.shape[0])
    for luma in sources:
        saliency = _block_sum(strength(*sobel(luma / 255, "constant")) ** 5)
        difference = _block_sum(_filter(luma - fused, DEGREES_QCV, _band_pass).square()) / BLOCK**2
        distance = distance + image_sum(saliency * difference)
        weight = weight + image_sum(saliency)
    return distance / weight


def _band_pass(r: Tensor) -> Tensor:
    """Return Mannos and Sakrison's contrast sensitivity, with the constant of Q_CV's code."""
    return 2.6 * (0.0192 + 0.144 * r) * torch.exp(-((0.144 * r) ** 1.1))


def _block_sum(image: Tensor) -> Tensor:
    """Return the sum of each block of 16 x 16 pixels, (B, 1, H / 16, W / 16) rounded up."""
    height, width = image.shape[-2:]
    filled = F.pad(image, (0, -width % BLOCK, 0, -height % BLOCK))
    return F.avg_pool2d(filled, BLOCK) * BLOCK**2


def _filter(image: Tensor, degrees: float, sensitivity: Callable[[Tensor], Tensor]) -> Tensor:
    """Weight the frequencies of each image, (B, 1, H, W).

    Args:
        image: Batch of images, (B, 1, H, W).
        degrees: Angle that the image spans each way; k cycles per image are k / degrees cycles
            per degree.
        sensitivity: Weight of the frequency r in cycles per degree.
    """
    height, width = image.shape[-2:]
    down = torch.fft.fftfreq(height, 1 / height, dtype=image.dtype, device=image.device)
    across = torch.fft.rfftfreq(width, 1 / width, dtype=image.dtype, device=image.device)
    weight = sensitivity(torch.hypot(down.reshape(-1, 1), across) / degrees)
    return torch.fft.irfft2(torch.fft.rfft2(image) * weight, s=(height, width))
