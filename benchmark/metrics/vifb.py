"""The convention of VIFB (Zhang, Ye and Xiao, CVPR Workshops 2020).

Its 13 metrics score RGB images: the mean of the scores of the channels, in 0-255. Only SF takes
the channels side by side as one image. The docstring of each function says what else differs from
the published definition. All functions take the channels as a batch, (3, 1, H, W), or one gray
image, (1, 1, H, W), and return a float.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.metrics.arrays import Image, Score, as_batch, image_sum
from benchmark.metrics.color import matlab_gray
from benchmark.metrics.edges import qabf
from benchmark.metrics.gradient import average_gradient, edge_intensity, spatial_frequency
from benchmark.metrics.information import cross_entropy, entropy, mutual_information
from benchmark.metrics.perception import qcb, qcv
from benchmark.metrics.statistics import standard_deviation
from benchmark.metrics.structure import ssim

PRINTED = {  # the benchmark's own names
    "en": "Entropy",
    "sd": "Variance",
    "sf": "Spatial_frequency",
    "ag": "Avg_gradient",
    "ei": "Edge_intensity",
    "mi": "Mutinf",
    "ce": "Cross_entropy",
    "psnr": "Psnr",
    "rmse": "Rmse",
    "ssim": "Ssim",
    "qabf": "Qabf",
    "qcb": "Qcb",
    "qcv": "Qcv",
}


def channels(
    sources: Sequence[NDArray[Any]], fused: NDArray[Any]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return sources and fused image, (1 or 3, H, W) each, as batches of as many channels.

    A gray source of a color result is compared with each channel; color sources of a gray result
    become gray.
    """
    if len(fused) == 1:
        grays = [matlab_gray(source)[None] for source in sources]
    else:
        grays = [np.broadcast_to(source, fused.shape) for source in sources]
    return [gray.astype(np.float64)[:, None] for gray in grays], fused.astype(np.float64)[:, None]


def stretch(image: Image) -> Tensor:
    """Stretch each channel from its least and largest value to 0-255, rounded half up.

    A constant channel becomes 0.
    """
    (batch,), _ = as_batch(image)
    low, high = (edge(batch, dim=(1, 2, 3), keepdim=True) for edge in (torch.amin, torch.amax))
    return torch.where(high > low, torch.floor((batch - low) / (high - low) * 255 + 0.5), 0)


def sf(fused: Image) -> float:
    """Return SF of the channels side by side, R, G, B."""
    (batch,), _ = as_batch(fused)
    return float(spatial_frequency(torch.cat(list(batch[:, 0]), dim=-1)))


def mi(sources: Sequence[Image], fused: Image) -> float:
    """Return MI of the stretched channels, in nats."""
    stretched = [stretch(source) for source in sources]
    return math.log(2) * _mean(mutual_information(stretched, stretch(fused)))


def ssim_sum(sources: Sequence[Image], fused: Image) -> float:
    """Return the sum, not the mean, of the SSIM to the sources."""
    return len(sources) * _mean(ssim(sources, fused))


def rmse(sources: Sequence[Image], fused: Image) -> float:
    """Return the mean of sqrt(sum (S - F)^2) / (H W) instead of the root of the mean square."""
    return _mean(_root_error(sources, fused))


def psnr(sources: Sequence[Image], fused: Image) -> float:
    """Return 10 log10(255^2 / E) with the `rmse` E of each channel instead of its square."""
    return _mean(10 * torch.log10(255**2 / _root_error(sources, fused)))


def _root_error(sources: Sequence[Image], fused: Image) -> Tensor:
    (*batches, f), _ = as_batch(*sources, fused)
    errors = [image_sum((batch - f).square()).sqrt() / f[0].numel() for batch in batches]
    return torch.stack(errors).mean(dim=0)


def qabf_mean(sources: Sequence[Image], fused: Image) -> float:
    """Return Qabf; where strengths are equal, the strength of 255 times the image replaces G."""
    return _mean(qabf(sources, fused, equal=255))


def qcb_stretched(sources: Sequence[Image], fused: Image) -> float:
    """Return Qcb of the stretched channels."""
    return _mean(qcb([stretch(source) for source in sources], stretch(fused)))


def qcv_stretched(sources: Sequence[Image], fused: Image) -> float:
    """Return Qcv of the stretched channels."""
    return _mean(qcv([stretch(source) for source in sources], stretch(fused)))


def _mean(scores: Score) -> float:
    return float(scores.mean())


FUNCTIONS: dict[str, Callable[[Sequence[Image], Image], float]] = {
    "en": lambda sources, fused: _mean(entropy(fused)),
    "sd": lambda sources, fused: _mean(standard_deviation(fused)),
    "sf": lambda sources, fused: sf(fused),
    "ag": lambda sources, fused: _mean(average_gradient(fused)),
    "ei": lambda sources, fused: _mean(edge_intensity(fused)),
    "mi": mi,
    "ce": lambda sources, fused: _mean(cross_entropy(sources, fused)),
    "psnr": psnr,
    "rmse": rmse,
    "ssim": ssim_sum,
    "qabf": qabf_mean,
    "qcb": qcb_stretched,
    "qcv": qcv_stretched,
}
