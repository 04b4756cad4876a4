"""Visual information fidelity, in the pixel domain.

torchmetrics and piq have the same VIF (the tests compare them), but do not give the values of each
window that VIFF and the saturating VIF need. They also convolve with the whole 17 x 17 window
instead of its two factors.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.metrics.arrays import image_sum, metric_of_sources
from benchmark.metrics.filters import gaussian_weights, separable

WINDOWS = (17, 9, 5, 3)  # pixels, side of the window at each scale; sigma is a fifth of it
NOISE = 2.0  # variance of the noise of human vision
FUSION_NOISE = 0.005 * 255**2
FUSION_WEIGHTS = (1 / 2.15, 0, 0.15 / 2.15, 1 / 2.15)  # finest scale first
FUSION_OFFSET = 1e-7
TINY = 1e-10  # a variance below this counts as 0
SMALLEST = 41  # pixels, shortest side: the last scale is then as large as its window


class Scale(NamedTuple):
    """Information of the windows at one scale, (B, 1, H', W') each."""

    gain: Tensor  # g, of the fused image over the source
    kept: Tensor  # information of the source that the fused image keeps
    total: Tensor  # information of the source


@metric_of_sources("VIF", smallest=SMALLEST, double=True)
def vif(sources: Sequence[Tensor], fused: Tensor, saturate: bool = False) -> Tensor:
    """Return the sum over the sources of the pixel-domain VIF(source, fused), from 0.

    VIF is the share of the information of a source that human vision still gets from the fused
    image (Sheikh and Bovik, TIP 2006, in the pixel domain, as in their `vifp_mscale`): over 4
    scales,

        VIF = sum log(1 + g^2 sigma_S^2 / (sigma_V^2 + 2)) / sum log(1 + sigma_S^2 / 2),
        g = sigma_SF / sigma_S^2, sigma_V^2 = sigma_F^2 - g sigma_SF,

    moments weighted by Gaussian windows of 17, 9, 5 and 3 pixels, sigma a fifth of that, where
    the window lies inside the image; each scale is the one before smoothed with the window of its
    own and halved. F = S gives 1, more contrast more than 1. NaN where a source is constant.
    Variances are differences of large numbers, so that all is computed in float64.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
        saturate: True to cut off the products of the first scale at 255, as MATLAB does with
            images of bytes.

    Raises:
        ValueError: If a side is shorter than 41 pixels.
    """
    scores = []
    for luma in sources:
        kept = total = luma.new_zeros(luma.shape[0])
        for scale in _scales(luma, fused, NOISE, saturate):
            kept, total = kept + image_sum(scale.kept), total + image_sum(scale.total)
        scores.append(kept / total)
    return torch.stack(scores).sum(dim=0)


@metric_of_sources("VIFF", smallest=SMALLEST, pair=True, double=True)
def viff(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the visual information fidelity for fusion VIFF, from 0, 1 for A = B = F.

    Han, Cai, Cao and Xu, Information Fusion 2013, Sec. 3: at each scale k, with the windows of
    VIF, the source of a window is the one with the smaller gain g, that is, with the more salient
    content; from its information with (VID) and without (VIND) distortion, as in VIF but with
    noise of variance 0.005 x 255^2,

        VIFF_k = sum (VID + C) / sum (VIND + C), C = 1e-7,  VIFF = sum_k p_k VIFF_k,

    p = (1, 0, 0.15, 1) / 2.15, the finest scale first. No published value was compared. Constant
    images have 1. Computed in float64, as VIF.

    Departure: if both gains are equal, for example where the fused image is flat, the authors'
    code takes the second source. Here the source with more information is taken, so that the order
    of the sources does not matter.

    Args:
        sources: Luma of the two source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If there are not two sources, or a side is shorter than 41 pixels.
    """
    a, b = sources
    score = fused.new_zeros(fused.shape[0])
    pairs = zip(_scales(a, fused, FUSION_NOISE), _scales(b, fused, FUSION_NOISE), strict=True)
    for weight, (first, second) in zip(FUSION_WEIGHTS, pairs, strict=True):
        tied = first.gain == second.gain
        take_first = (first.gain < second.gain) | (tied & (first.total > second.total))
        kept, total = (
            torch.where(take_first, x, y) + FUSION_OFFSET
            for x, y in ((first.kept, second.kept), (first.total, second.total))
        )
        score = score + weight * image_sum(kept) / image_sum(total)
    return score


def _scales(
    source: Tensor, fused: Tensor, eye_noise: float, saturate: bool = False
) -> Iterator[Scale]:
    """Yield the four scales of one source and the fused image, the finest first."""
    for number, size in enumerate(WINDOWS):
        window = gaussian_weights(size, size / 5)
        if number:
            source, fused = (separable(image, window)[..., ::2, ::2] for image in (source, fused))
        limit = 255.0 if saturate and number == 0 else None
        var_s, var_f, covariance = _moments(source, fused, window, limit)
        related = (var_s >= TINY) & (var_f >= TINY) & (covariance > 0)
        gain = torch.where(related, covariance / (var_s + TINY), 0)
        noise = (var_f - gain * covariance).clamp(min=TINY) + eye_noise
        var_s = torch.where(var_s < TINY, 0, var_s)
        kept, total = torch.log1p(gain * gain * var_s / noise), torch.log1p(var_s / eye_noise)
        yield Scale(gain, kept, total)


def _moments(
    x: Tensor, y: Tensor, window: list[float], limit: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return both variances and the covariance in each window.

    The products are cut off at the limit if there is one.
    """
    mean_x, mean_y = separable(x, window), separable(y, window)
    xx, yy, xy = (
        separable(product if limit is None else product.clamp(max=limit), window)
        for product in (x * x, y * y, x * y)
    )
    var_x, var_y = xx - mean_x * mean_x, yy - mean_y * mean_y
    return var_x.clamp(min=0), var_y.clamp(min=0), xy - mean_x * mean_y
