"""MEF-SSIM, the structural similarity of exposure fusion, in closed form.

The definition (Ma, Zeng and Wang, TIP 2015) goes patch by patch: each 11 x 11 patch of a source
y_k is split into its mean and a deviation of norm c_k; the desired patch has the largest of these
norms and the direction of a weighted mean of the deviations; the fused patch is compared with it.

No patch needs to be cut out. The desired patch is a linear combination sum_k a_k y_k of the source
patches, up to a constant, with one number a_k per source and patch. So all that the definition
takes from a patch, norms of deviations and weighted variances and covariances with the fused
patch, is a combination of covariances cov(y_j, y_k) and cov(y_k, f) over the window, and those
are window averages of products of whole images.

From the authors' code, beyond the paper, come the 0.001 added to each norm, the machine epsilon in
the weights, the cap of 10 on their exponent, uniform windows for the desired patch and Gaussian
ones for the comparison; published scores need all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from metrics.luma import as_luma, round_luma

Image = NDArray[np.float64]

WINDOW = 11  # pixels a side
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)  # finest first, divided by their sum
STABILISER = (0.03 * 255) ** 2
NORM_OFFSET = 1e-3
LARGEST_EXPONENT = 10
EPSILON = float(np.finfo(np.float64).eps)
ROUNDING = 1e-4  # norms of deviations below this are rounding errors
SMALLEST = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)  # the coarsest scale then fills a window


def mef_ssim(sources: Sequence[NDArray[Any]], fused: NDArray[Any]) -> float:
    """Return the multi-scale MEF-SSIM of any number of exposures and the fused image, 0 to 1.

    The product over 3 scales of the mean quality to the power 0.0448, 0.2856 and 0.3001, divided
    by their sum (Ma, Zeng and Wang, TIP 2015); each scale is the means of 2 x 2 pixels of the one
    before, an odd last row or column averaged with itself. Values are first rounded half up, as
    published scores are of 8-bit luma. A scale of negative mean quality counts as 0.

    Args:
        sources: Luma of the exposures, each (H, W), in 0-255, in any order.
        fused: Luma of the fused image, same shape and range.

    Raises:
        ValueError: If a side is shorter than 44 pixels.
    """
    *exposures, result = map(round_luma, as_luma(*sources, fused))
    height, width = result.shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"MEF-SSIM needs at least {SMALLEST} x {SMALLEST} pixels, found {height} x {width}"
        )
    score = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale:
            *exposures, result = map(_halve, [*exposures, result])
        score *= max(float(_quality(exposures, result).mean()), 0) ** (weight / sum(SCALE_WEIGHTS))
    return score


def _quality(sources: list[Image], fused: Image) -> Image:
    """Return the quality of each patch, (H - 10, W - 10), at one scale.

    (2 cov(d, f) + C) / (var d + var f + C), d = sum_k a_k y_k the desired patch, C = (0.03 x
    255)^2, moments weighted by a Gaussian.
    """
    factors = _desired_factors(sources)
    mean = _gaussian(fused)
    covariance = sum(
        a * (_gaussian(y * fused) - _gaussian(y) * mean)
        for a, y in zip(factors, sources, strict=True)
    )
    energy = _variance(factors, sources, _gaussian) + _variance([1], [fused], _gaussian)
    return (2 * covariance + STABILISER) / (energy + STABILISER)


def _desired_factors(sources: list[Image]) -> list[Image]:
    """Return for each source y_k the factors a_k of the desired patches, (H - 10, W - 10).

    With the deviations x_k = y_k - mean y_k, uniform window: c_k = ||x_k|| + 0.001,
    R = ||sum_k x_k|| / sum_k ||x_k||, p = min(tan(pi R / 2), 10), w_k = (c_k / 11)^p, divided by
    their sum; s = sum_k w_k x_k / c_k; the desired deviation is max_k c_k s / ||s||, and none
    where the sources are flat or cancel out.
    """
    norms = [_norm([1], [y]) for y in sources]
    consistency = (_norm([1], [np.sum(sources, axis=0)]) + EPSILON) / (sum(norms) + EPSILON)
    exponent = np.minimum(np.tan(np.pi / 2 * np.minimum(consistency, 1)), LARGEST_EXPONENT)
    contrasts = [norm + NORM_OFFSET for norm in norms]
    weights = [(c / WINDOW) ** exponent + EPSILON for c in contrasts]
    weight_sum = sum(weights)
    shares = [w / (c * weight_sum) for w, c in zip(weights, contrasts, strict=True)]
    largest = np.maximum.reduce(contrasts)
    structure = _norm(shares, sources)
    scale = np.zeros_like(largest)
    np.divide(largest, structure, out=scale, where=structure * largest >= ROUNDING)
    return [scale * share for share in shares]


def _norm(factors: Sequence[Image | float], images: Sequence[Image]) -> Image:
    """Return the norm of the deviations of sum_k factors_k images_k in each 11 x 11 patch."""
    return WINDOW * np.sqrt(_variance(factors, images, _uniform))


def _variance(
    factors: Sequence[Image | float], images: Sequence[Image], average: Callable[[Image], Image]
) -> Image:
    """Return the variance of sum_k factors_k images_k in each patch, factors constant in it.

    sum_jk factors_j factors_k cov(images_j, images_k): one pair at a time, so that memory grows
    with the number of images only.
    """
    means = [average(image) for image in images]
    total = np.zeros_like(means[0])
    for j, k in combinations_with_replacement(range(len(images)), 2):
        covariance = average(images[j] * images[k]) - means[j] * means[k]
        total += (1 if j == k else 2) * factors[j] * factors[k] * covariance
    return np.maximum(total, 0)


def _uniform(image: Image) -> Image:
    """Average over the 11 x 11 windows inside the image, (H - 10, W - 10)."""
    return _inside(cv2.blur(image, (WINDOW, WINDOW)))


def _gaussian(image: Image) -> Image:
    """Average over the 11 x 11 windows inside the image, weighted by a Gaussian of sigma 1.5."""
    kernel = cv2.getGaussianKernel(WINDOW, 1.5)
    return _inside(cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel))


def _inside(image: NDArray[Any]) -> Image:
    edge = WINDOW // 2
    return image[edge:-edge, edge:-edge]


def _halve(image: Image) -> Image:
    """Return the means of 2 x 2 pixels, an odd last row or column repeated."""
    height, width = image.shape
    even = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
    return even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2).mean(axis=(1, 3))
