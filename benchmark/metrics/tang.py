"""The convention of Tang's MATLAB toolbox (Evaluation-for-Image-Fusion), with its peculiarities.

Images are bytes, colour through MATLAB's `rgb2gray`. Bytes saturate: a result above 255 is 255,
one below 0 is 0, and fractions are rounded. What the toolbox computes on bytes where the
definition means numbers comes out otherwise, and is reproduced here because tables are printed
with it. All functions take the gray bytes as floats, (H, W) or (B, 1, H, W). The columns of
`DEFAULT` agree with the values that are published with the toolbox (`tests/test_tang.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from metrics import error
from metrics.arrays import Image, Score, as_batch, image_mean
from metrics.colour import matlab_gray
from metrics.edges import Edges, kept_share, nabf, orientation
from metrics.exposure import mef_ssim
from metrics.features import fmi
from metrics.fidelity import vif
from metrics.gradient import average_gradient
from metrics.information import entropy, mutual_information
from metrics.statistics import correlation, scd

DEFAULT = ("en", "sd", "sf", "ag", "mi", "cc", "scd", "psnr", "mse", "qabf", "vif")  # its tables
RIGHT = ((1, 0, -1), (2, 0, -2), (1, 0, -1))  # Sobel kernels, to be flipped by the convolution
DOWN = ((1, 2, 1), (0, 0, 0), (-1, -2, -1))


def bytes_of(
    sources: Sequence[NDArray[Any]], fused: NDArray[Any]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Return sources and fused image, (1 or 3, H, W) each, as gray bytes, (H, W)."""
    return [matlab_gray(source) for source in sources], matlab_gray(fused)


def sd(fused: Image) -> Score:
    """Return sqrt(mean d), d = min(d0^2, 255), d0 = max(F - mean F, 0) rounded half up.

    Both steps saturate, so that what is darker than the mean does not count and what is brighter
    by 16 or more counts alike.
    """
    (f,), give_back = as_batch(fused)
    above = f - f.mean(dim=(1, 2, 3), keepdim=True)
    squares = torch.floor(above + 0.5).clamp(min=0).square().clamp(max=255)
    return give_back(image_mean(squares).sqrt())


def sf(fused: Image) -> Score:
    """Return SF of the image in [0, 1], the means over the differences that there are."""
    (f,), give_back = as_batch(fused)
    squares = [image_mean((f / 255).diff(dim=dim).square()) for dim in (-1, -2)]
    return give_back(torch.stack(squares).sum(dim=0).sqrt())


def psnr(sources: Sequence[Image], fused: Image) -> Score:
    """Return 10 log10(255^2 / MSE) with the MSE of images in [0, 1], 48.13 dB too much."""
    return error.psnr(_unit(sources), fused / 255)


def mse(sources: Sequence[Image], fused: Image) -> Score:
    """Return the mean of both sources' mean squared error, of images in [0, 1]."""
    (*batches, f), give_back = as_batch(*_unit(sources), fused / 255)
    return give_back(torch.stack([image_mean((s - f).square()) for s in batches]).mean(dim=0))


def qabf(sources: Sequence[Image], fused: Image) -> Score:
    """Return Qabf of images in [0, 1] with MATLAB's rounding errors, whatever the type.

    Where strengths are equal, the strength replaces the ratio 1. Which ones are equal, and which
    responses are 0, depends on the order in which float64 sums are rounded: see `_convolve`.
    """
    (*batches, f), give_back = as_batch(*sources, fused, double=True)
    return give_back(kept_share([_edges(batch) for batch in batches], _edges(f), equal=1))


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


def nabf_unit(sources: Sequence[Image], fused: Image) -> Score:
    """Return Nabf of images in [0, 1], where no strength reaches the threshold of 2."""
    (*batches, f), give_back = as_batch(*sources, fused, double=True)
    return give_back(nabf(_unit(batches), f / 255))


def _unit(images: Sequence[Image]) -> list[Image]:
    return [image / 255 for image in images]


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
