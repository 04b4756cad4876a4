"""MEF-SSIM, the structural similarity of exposure fusion, in closed form.

The definition (Ma, Zeng and Wang, TIP 2015) goes patch by patch: each 11 x 11 patch of a source
y_k is split into its mean and a deviation of norm c_k; the desired patch has the largest of these
norms and the direction of a weighted mean of the deviations; the fused patch is compared with it.

No patch has to be cut out. The desired patch is a linear combination sum_k a_k y_k of the source
patches, up to a constant, with one number a_k per source and patch. The definition
needs norms of deviations, and weighted variances and covariances with the fused patch. All of them
are combinations of the covariances cov(y_j, y_k) and cov(y_k, f) over the window, which are window
averages of products of whole images.

These details are not in the paper but in the authors' code, and published scores need all of them:
0.001 is added to each norm, the machine epsilon to the weights; their exponent is at most 10; the
windows are uniform for the desired patch and Gaussian for the comparison.
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from benchmark.metrics.arrays import image_mean, metric_of_sources, round_half_up
from benchmark.metrics.filters import gaussian_weights, halve, separable

WINDOW = 11  # pixels, side
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)  # finest first, divided by their sum
STABILIZER = (0.03 * 255) ** 2
NORM_OFFSET = 1e-3
LARGEST_EXPONENT = 10
EPSILON = torch.finfo(torch.float64).eps
ROUNDING = 1e-4  # norms of deviations below this are rounding errors
SMALLEST = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)  # the coarsest scale then fills a window


@metric_of_sources("MEF-SSIM", smallest=SMALLEST, double=True)
def mef_ssim(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the multi-scale MEF-SSIM of any number of exposures and the fused image, 0 to 1.

    The product over 3 scales of the mean quality to the power 0.0448, 0.2856 and 0.3001, divided
    by their sum (Ma, Zeng and Wang, TIP 2015); each scale is the means of 2 x 2 pixels of the one
    before, an odd last row or column averaged with itself. Values are first rounded half up, as
    published scores are of 8-bit luma. A scale of negative mean quality counts as 0. Variances are
    differences of large numbers, so that all is computed in float64.

    Args:
        sources: Luma of the exposures, each (H, W) or (B, 1, H, W), in 0-255, in any order.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than 44 pixels.
    """
    *exposures, result = map(round_half_up, [*sources, fused])
    score = result.new_ones(len(result))
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            *exposures, result = map(halve, [*exposures, result])
        quality = image_mean(_quality(exposures, result)).clamp(min=0)
        score = score * quality ** (weight / sum(SCALE_WEIGHTS))
    return score


def _quality(sources: list[Tensor], fused: Tensor) -> Tensor:
    """Return the quality of each patch, (B, 1, H - 10, W - 10), at one scale.

    (2 cov(d, f) + C) / (var d + var f + C), d = sum_k a_k y_k the desired patch, C = (0.03 x
    255)^2, moments weighted by a Gaussian.
    """
    factors = _desired_factors(sources)
    mean = _gaussian(fused)
    covariance = torch.zeros_like(mean)
    for a, y in zip(factors, sources, strict=True):
        covariance += a * (_gaussian(y * fused) - _gaussian(y) * mean)
    energy = _variance(factors, sources, _gaussian) + _variance([1], [fused], _gaussian)
    return (2 * covariance + STABILIZER) / (energy + STABILIZER)


def _desired_factors(sources: list[Tensor]) -> list[Tensor]:
    """Return for each source y_k the factors a_k of the desired patches, (B, 1, H - 10, W - 10).

    With the deviations x_k = y_k - mean y_k, uniform window: c_k = ||x_k|| + 0.001,
    R = ||sum_k x_k|| / sum_k ||x_k||, p = min(tan(pi R / 2), 10), w_k = (c_k / 11)^p, divided by
    their sum; s = sum_k w_k x_k / c_k; the desired deviation is max_k c_k s / ||s||, and none
    where the sources are flat or cancel out.
    """
    norms = torch.stack([_norm([1], [y]) for y in sources])
    consistency = (_norm([1], [sum(sources[1:], sources[0])]) + EPSILON) / (norms.sum(0) + EPSILON)
    exponent = torch.tan(math.pi / 2 * consistency.clamp(max=1)).clamp(max=LARGEST_EXPONENT)
    contrasts = norms + NORM_OFFSET
    weights = (contrasts / WINDOW) ** exponent + EPSILON
    shares = list(weights / (contrasts * weights.sum(dim=0)))
    largest = contrasts.amax(dim=0)
    structure = _norm(shares, sources)
    scale = torch.where(structure * largest >= ROUNDING, largest / structure, 0)
    return [scale * share for share in shares]


def _norm(factors: Sequence[Tensor | float], images: Sequence[Tensor]) -> Tensor:
    """Return the norm of the deviations of sum_k factors_k images_k in each 11 x 11 patch."""
    return WINDOW * torch.sqrt(_variance(factors, images, _uniform))


def _variance(
    factors: Sequence[Tensor | float], images: Sequence[Tensor], average: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the variance of sum_k factors_k images_k in each patch, factors constant in it.

    sum_jk factors_j factors_k cov(images_j, images_k): one pair at a time, so that memory grows
    with the number of images only.
    """
    means = [average(image) for image in images]
    total = torch.zeros_like(means[0])
    for j, k in combinations_with_replacement(range(len(images)), 2):
        covariance = average(images[j] * images[k]) - means[j] * means[k]
        total += (1 if j == k else 2) * factors[j] * factors[k] * covariance
    return total.clamp(min=0)


def _uniform(image: Tensor) -> Tensor:
    """Average over the 11 x 11 windows inside the image, (B, 1, H - 10, W - 10)."""
    return separable(image, [1 / WINDOW] * WINDOW)


def _gaussian(image: Tensor) -> Tensor:
    """Average over the 11 x 11 windows inside the image, weighted by a Gaussian of sigma 1.5."""
    return separable(image, gaussian_weights(WINDOW, 1.5))
