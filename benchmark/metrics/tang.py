"""The convention of Tang's MATLAB toolbox (Evaluation-for-Image-Fusion), with its peculiarities.

Images are bytes, color through MATLAB's `rgb2gray`. Bytes saturate: a result above 255 is 255,
one below 0 is 0, and fractions are rounded. The toolbox computes on bytes where the definitions
mean real numbers, which gives other results. They are reproduced here because tables are printed
with them. All functions take the gray bytes as floats, (H, W) or (B, 1, H, W). The columns of
`DEFAULT` agree with the values that are published with the toolbox (`tests/test_tang.py`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmark.metrics import error
from benchmark.metrics.arrays import (
    Image,
    Score,
    image_mean,
    metric_of_fused,
    metric_of_sources,
)
from benchmark.metrics.color import matlab_gray
from benchmark.metrics.edges import Edges, kept_share, nabf, orientation
from benchmark.metrics.exposure import mef_ssim
from benchmark.metrics.features import fmi
from benchmark.metrics.fidelity import vif
from benchmark.metrics.gradient import average_gradient
from benchmark.metrics.information import entropy, mutual_information
from benchmark.metrics.statistics import correlation, scd

DEFAULT = ("en", "sd", "sf", "ag", "mi", "cc", "scd", "psnr", "mse", "qabf", "vif")
RIGHT = ((1, 0, -1), (2, 0, -2), (1, 0, -1))  # Sobel kernels, to be flipped by the convolution
DOWN = ((1, 2, 1), (0, 0, 0), (-1, -2, -1))


def bytes_of(
    sources: Sequence[NDArray[Any]], fused: NDArray[Any]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return sources and fused image, (1 or 3, H, W) each, as gray bytes, (H, W)."""
    return [matlab_gray(source) for source in sources], matlab_gray(fused)


@metric_of_fused("SD")
def sd(fused: Tensor) -> Tensor:
    """Return sqrt(mean d), d = min(d0^2, 255), d0 = max(F - mean F, 0) rounded half up.

    Both steps saturate: pixels darker than the mean count as 0, and all pixels that are brighter by
    16 or more count the same.
    """
    above = fused - fused.mean(dim=(1, 2, 3), keepdim=True)
    squares = torch.floor(above + 0.5).clamp(min=0).square().clamp(max=255)
    return image_mean(squares).sqrt()


@metric_of_fused("SF")
def sf(fused: Tensor) -> Tensor:
    """Return SF of the image in [0, 1], with means over the number of differences."""
    squares = [image_mean((fused / 255).diff(dim=dim).square()) for dim in (-1, -2)]
    return torch.stack(squares).sum(dim=0).sqrt()


def psnr(sources: Sequence[Image], fused: Image) -> Score:
    """Return 10 log10(255^2 / MSE) with the MSE of images in [0, 1], 48.13 dB too much."""
    return error.psnr([source / 255 for source in sources], fused / 255)


def mse(sources: Sequence[Image], fused: Image) -> Score:
    """Return the mean over the sources of the mean squared error of images in [0, 1]."""
    return error.mse([source / 255 for source in sources], fused / 255)


@metric_of_sources("Qabf", double=True)
def qabf(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return Qabf of images in [0, 1] with MATLAB's rounding errors, whatever the type.

    Where strengths are equal, the strength replaces the ratio 1. Which ones are equal, and which
    responses are 0, depends on the order in which float64 sums are rounded: see `_convolve`.
    """
    return kept_share([_edges(source) for source in sources], _edges(fused), equal=1)


def _edges(batch: Tensor) -> Edges:
    unit = batch / torch.full_like(batch, 255)  # by a number, PyTorch multiplies by 1 / 255
    right, down = _convolve(unit, RIGHT), _convolve(unit, DOWN)
    strength = np.sqrt((right * right + down * down).cpu().numpy())  # PyTorch's may be one bit off
    return Edges(torch.from_numpy(strength).to(batch.device), orientation(right, down))


def _convolve(batch: Tensor, kernel: Sequence[Sequence[int]]) -> Tensor:
    """Return `conv2(batch, kernel, "same")`, summed down the kernel's columns as MATLAB does."""
    height, width = batch.shape[-2:]
    padded = F.pad(batch, (1, 1, 1, 1))
    total = torch.zeros_like(batch)
    for j in range(3):
        for i in range(3):
            total += kernel[i][j] * padded[..., 2 - i :, 2 - j :][..., :height, :width]
    return total


@metric_of_sources("Nabf", double=True)
def nabf_unit(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return Nabf of images in [0, 1], in which no strength reaches the threshold of 2."""
    return nabf([source / 255 for source in sources], fused / 255)


FUNCTIONS: dict[str, Callable[[Sequence[Image], Image], Score]] = {
    "en": lambda sources, fused: entropy(fused),
    "sd": lambda sources, fused: sd(fused),
    "sf": lambda sources, fused: sf(fused),
    "ag": lambda sources, fused: average_gradient(fused),
    "mi": partial(mutual_information, joint_top=254),  # MATLAB adds 1 to saturating bytes
    "cc": correlation,
    "scd": scd,
    "psnr": psnr,
    "mse": mse,
    "ms_ssim": mef_ssim,  # so named there
    "qabf": qabf,
    "nabf": nabf_unit,
    "vif": partial(vif, saturate=True),
    "fmi_pixel": partial(fmi, feature="edge"),  # so named there: called without a feature
    "fmi_dct": partial(fmi, feature="dct"),
    "fmi_wavelet": partial(fmi, feature="wavelet"),
}
