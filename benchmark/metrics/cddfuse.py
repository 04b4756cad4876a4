"""The convention of the evaluator that is published with CDDFuse (Zhao et al., CVPR 2023).

Color becomes luma, rounded to whole numbers. The docstring of each function says what differs from
the published definition. All functions take the rounded luma as floats, (H, W) or (B, 1, H, W).
All columns agree with the evaluator's values (`tests/test_cddfuse.py`).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.metrics import error, tang
from benchmark.metrics.arrays import Image, Score, metric_of_fused, metric_of_sources
from benchmark.metrics.color import opencv_gray
from benchmark.metrics.edges import qabf
from benchmark.metrics.fidelity import vif
from benchmark.metrics.gradient import average_gradient
from benchmark.metrics.information import entropy, mutual_information
from benchmark.metrics.statistics import correlation, scd, standard_deviation
from benchmark.metrics.structure import ssim_of_each

SIDE = 7  # pixels, side of the window of SSIM
PIXELS = SIDE * SIDE


def gray(
    sources: Sequence[NDArray[Any]], fused: NDArray[Any]
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Return sources and fused image, (1 or 3, H, W) each, as rounded luma, (H, W)."""
    return [opencv_gray(source) for source in sources], opencv_gray(fused)


def sf(fused: Image) -> Score:
    """Return SF with means over the number of differences, in gray levels."""
    return 255 * tang.sf(fused)


@metric_of_fused("AG", smallest=2)
def ag(fused: Tensor) -> Tensor:
    """Return AG divided by H W, the number of pixels."""
    height, width = fused.shape[-2:]
    return average_gradient(fused) * ((height - 1) * (width - 1) / (height * width))


def mi(sources: Sequence[Image], fused: Image) -> Score:
    """Return MI in nats."""
    return math.log(2) * mutual_information(sources, fused)


@metric_of_sources("PSNR")
def psnr(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return 10 log10(max(F)^2 / MSE): the peak is the greatest value of F; -inf if that is 0."""
    return error.psnr(sources, fused) + 20 * torch.log10(fused.amax(dim=(1, 2, 3)) / 255)


@metric_of_sources("SSIM", smallest=SIDE, double=True)
def ssim_sum(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the sum over the sources of SSIM as scikit-image computes it by default.

    Windows are 7 x 7 with equal weights, variances and covariances divided by 48, not 49, and
    C1 = (0.01 x 2)^2, C2 = (0.03 x 2)^2: the range that scikit-image took for floats is 2. A
    factor 49 / 48 on variances and covariances equals its inverse on C2.
    """
    k = (0.01, 0.03 * math.sqrt((PIXELS - 1) / PIXELS))
    return ssim_of_each(sources, fused, [1 / SIDE] * SIDE, data_range=2, k=k).sum(dim=0)


FUNCTIONS: dict[str, Callable[[Sequence[Image], Image], Score]] = {
    "en": lambda sources, fused: entropy(fused),
    "sd": lambda sources, fused: standard_deviation(fused),
    "sf": lambda sources, fused: sf(fused),
    "ag": lambda sources, fused: ag(fused),
    "mi": mi,
    "cc": correlation,
    "scd": scd,
    "psnr": psnr,
    "vif": vif,  # called VIFF there
    "qabf": partial(qabf, equal=1),
    "ssim": ssim_sum,
}
