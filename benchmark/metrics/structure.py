"""Metrics that compare local structure."""

from collections.abc import Sequence

import torch
from pytorch_msssim import ssim as library_ssim
from torch import Tensor

from benchmark.metrics.arrays import image_mean, metric_of_sources
from benchmark.metrics.filters import gaussian_weights, halve, separable

WINDOW, SIGMA = 11, 1.5  # pixels; side and standard deviation
K = (0.01, 0.03)
C1, C2 = ((k * 255) ** 2 for k in K)
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest first
SMALLEST = 161  # pixels, shortest side: halved four times, rounding up, it is one window


@metric_of_sources("SSIM", smallest=WINDOW)
def ssim(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the mean over the sources of SSIM(source, fused), -1 to 1.

    SSIM of Wang et al. (TIP 2004), by pytorch-msssim: per pixel
    (2 mu_S mu_F + C1)(2 sigma_SF + C2) / ((mu_S^2 + mu_F^2 + C1)(sigma_S^2 + sigma_F^2 + C2)),
    moments weighted by an 11 x 11 Gaussian of sigma 1.5, C1 = (0.01 x 255)^2, C2 = (0.03 x 255)^2,
    averaged over the positions whose window lies inside the image.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than the window.
    """
    return ssim_of_each(sources, fused, gaussian_weights(WINDOW, SIGMA), 255, K).mean(dim=0)


def ssim_of_each(
    sources: Sequence[Tensor],
    fused: Tensor,
    weights: Sequence[float],
    data_range: float,
    k: tuple[float, float],
) -> Tensor:
    """Return SSIM(source, fused) of each source and image, (S, B), by pytorch-msssim.

    Args:
        sources: S batches, each (B, 1, H, W).
        fused: Batch of the same shape.
        weights: Weights of the window along one side, of sum 1.
        data_range: What `k` is multiplied by.
        k: The constants K1 and K2.
    """
    window = fused.new_tensor(weights).reshape(1, 1, 1, -1)
    with torch.backends.cudnn.flags(allow_tf32=False):
        values = [
            library_ssim(luma, fused, data_range=data_range, size_average=False, win=window, K=k)
            for luma in sources
        ]
    return torch.stack(values)


@metric_of_sources("MS-SSIM", smallest=SMALLEST)
def ms_ssim(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the mean over the sources of the multi-scale SSIM(source, fused), 0 to 1.

    prod_{j < 5} CS_j^{w_j} SSIM_5^{w_5} (Wang, Simoncelli and Bovik, Asilomar 2003), CS_j and
    SSIM_j the means of the contrast-structure term and of SSIM at scale j, w = 0.0448, 0.2856,
    0.3001, 0.2363, 0.1333; each scale is the means of 2 x 2 pixels of the one before. A negative
    mean counts as 0. Libraries agree where the sides are multiples of 16 and differ elsewhere;
    here an odd last row or column is averaged with itself, as in the authors' code.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than 161 pixels.
    """
    return torch.stack([_multi_scale(luma, fused) for luma in sources]).mean(dim=0)


def _multi_scale(luma: Tensor, fused: Tensor) -> Tensor:
    """Return the multi-scale SSIM of each pair of images, (B,)."""
    score = luma.new_ones(luma.shape[0])
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            luma, fused = halve(luma), halve(fused)
        full, contrast = _similarity(luma, fused)
        similarity = full if scale == len(SCALE_WEIGHTS) - 1 else contrast
        score = score * image_mean(similarity).clamp(min=0) ** weight
    return score


def _similarity(luma: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM and its contrast-structure term per window, (B, 1, H - 10, W - 10)."""
    window = gaussian_weights(WINDOW, SIGMA)
    mu_s, mu_f = separable(luma, window), separable(fused, window)
    energy = separable(luma * luma + fused * fused, window) - mu_s * mu_s - mu_f * mu_f
    covariance = separable(luma * fused, window) - mu_s * mu_f
    contrast = (2 * covariance + C2) / (energy + C2)
    luminance = (2 * mu_s * mu_f + C1) / (mu_s * mu_s + mu_f * mu_f + C1)
    return luminance * contrast, contrast
