"""The convention of Tang's MATLAB toolbox (Evaluation-for-Image-Fusion), with its peculiarities.

Images are bytes, colour through MATLAB's `rgb2gray`. Bytes saturate: a result above 255 is 255,
one below 0 is 0, and fractions are rounded. What the toolbox computes on bytes where the
definition means numbers comes out otherwise, and is reproduced here because tables are printed
with it. All functions take the gray bytes as floats, (H, W) or (B, 1, H, W).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from metrics import error
from metrics.arrays import Image, Score, as_batch, image_mean
from metrics.colour import matlab_gray
from metrics.edges import nabf, qabf
from metrics.exposure import mef_ssim
from metrics.features import fmi
from metrics.fidelity import vif
from metrics.gradient import average_gradient
from metrics.information import entropy, mutual_information
from metrics.statistics import correlation, scd

DEFAULT = ("en", "sd", "sf", "ag", "mi", "cc", "scd", "psnr", "qabf", "vif")  # its tables


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


def mi(sources: Sequence[Image], fused: Image) -> Score:
    """Return MI in bits with the values 254 and 255 in one bin: 1 is added to bytes."""
    return mutual_information([source.clip(0, 254) for source in sources], fused.clip(0, 254))


def psnr(sources: Sequence[Image], fused: Image) -> Score:
    """Return 10 log10(255^2 / MSE) with the MSE of images in [0, 1], 48.13 dB too much."""
    return error.psnr(_unit(sources), fused / 255)


def rmse(sources: Sequence[Image], fused: Image) -> Score:
    """Return the root of the toolbox's MSE, of images in [0, 1] and the mean of both sources."""
    (*batches, f), give_back = as_batch(*_unit(sources), fused / 255)
    errors = torch.stack([image_mean((batch - f).square()) for batch in batches])
    return give_back(errors.mean(dim=0).sqrt())


def nabf_unit(sources: Sequence[Image], fused: Image) -> Score:
    """Return Nabf of images in [0, 1], where no strength reaches the threshold of 2."""
    return nabf(_unit(sources), fused / 255)


def _unit(images: Sequence[Image]) -> list[Image]:
    return [image / 255 for image in images]


FUNCTIONS: dict[str, Callable[[Sequence[Image], Image], Score]] = {
    "en": lambda sources, fused: entropy(fused),
    "sd": lambda sources, fused: sd(fused),
    "sf": lambda sources, fused: sf(fused),
    "ag": lambda sources, fused: average_gradient(fused),
    "mi": mi,
    "cc": correlation,
    "scd": scd,
    "psnr": psnr,
    "rmse": rmse,
    "ms_ssim": mef_ssim,  # so named there
    "qabf": partial(qabf, equal=1 / 255),
    "nabf": nabf_unit,
    "vif": partial(vif, saturate=True),
    "fmi_pixel": partial(fmi, feature="edge"),  # so named there: called without a feature
    "fmi_dct": partial(fmi, feature="dct"),
    "fmi_wavelet": partial(fmi, feature="wavelet"),
}
