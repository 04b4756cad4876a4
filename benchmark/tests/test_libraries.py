"""Agreement with scikit-image, torchmetrics, piq and sewar, wherever one has the metric.

TABLE names metric, library, its value from one source S and the fused image F, how the values of
the two sources combine, and the tolerance. The libraries have no Qabf, Nabf, VIFF, FMI, Qcb, Qcv
and no MEF-SSIM. Left out is what has another definition: torchmetrics' SSIM, whose Gaussian is cut
off elsewhere, its MS-SSIM with it, and sewar's MS-SSIM of complex numbers.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import piq
import pytest
import torch
from numpy.typing import NDArray
from sewar import full_ref as sewar
from sewar.utils import Filter
from skimage import filters
from skimage.measure import pearson_corr_coeff, shannon_entropy
from skimage.metrics import (
    mean_squared_error,
    normalized_mutual_information,
    peak_signal_noise_ratio,
)
from torchmetrics.functional import image as torchmetrics
from torchmetrics.functional import kl_divergence, pearson_corrcoef

from benchmark.metrics import CONVENTIONS
from benchmark.tests.plain import skimage_ssim

Array = NDArray[np.float64]
GAUSSIAN = {"fltr": Filter.GAUSSIAN, "sigma": 1.5, "ws": 11}


def tensor(image: Array) -> torch.Tensor:
    return torch.from_numpy(image)[None, None]


def shared(s: Array, f: Array) -> tuple[float, float]:
    """Return I(S, F) and H(S) + H(F) from scikit-image's (H(S) + H(F)) / H(S, F)."""
    total = shannon_entropy(s) + shannon_entropy(f)
    return total - total / normalized_mutual_information(s, f, bins=256), total


def divergence(s: Array, f: Array) -> float:
    p, q = (torch.from_numpy(np.bincount(x.astype(int).ravel(), minlength=256)) for x in (s, f))
    return float(kl_divergence(p[None] / s.size, q[None] / f.size)) / math.log(2)


def frequency(s: Array, f: Array) -> float:
    down, right = torchmetrics.image_gradients(tensor(f))
    return float((down.square() + right.square()).mean().sqrt())


def correlation(s: Array, f: Array) -> float:
    return float(pearson_corrcoef(torch.from_numpy(s).flatten(), torch.from_numpy(f).flatten()))


def of_tensors(function: Callable[..., Any], **options: Any) -> Callable[[Array, Array], float]:
    """Call piq's or torchmetrics' function, which take the fused image first."""
    return lambda s, f: float(function(tensor(f), tensor(s), **options))


TABLE: list[tuple[str, str, Callable[[Array, Array], float], Callable[[Any], Any], float]] = [
    ("en", "skimage", lambda s, f: shannon_entropy(f), np.mean, 1e-12),
    ("sf", "torchmetrics", frequency, np.mean, 1e-9),
    (
        "ei",
        "skimage",
        lambda s, f: 4 * math.sqrt(2) * filters.sobel(f, mode="nearest").mean(),
        np.mean,
        1e-9,
    ),
    ("mi", "skimage", lambda s, f: shared(s, f)[0], np.sum, 1e-9),
    ("nmi", "skimage", lambda s, f: 2 * shared(s, f)[0] / shared(s, f)[1], np.sum, 1e-9),
    ("ce", "torchmetrics", divergence, np.mean, 1e-6),
    ("cc", "skimage", lambda s, f: pearson_corr_coeff(s, f)[0], np.mean, 1e-9),
    ("cc", "torchmetrics", correlation, np.mean, 1e-9),
    ("rmse", "sewar", sewar.rmse, np.mean, 1e-9),
    ("rmse", "skimage", lambda s, f: math.sqrt(mean_squared_error(s, f)), np.mean, 1e-9),
    ("ssim", "skimage", skimage_ssim, np.mean, 1e-9),
    (
        "ssim",
        "sewar",
        lambda s, f: sewar.ssim(s, f, MAX=255, fltr_specs=GAUSSIAN)[0],
        np.mean,
        1e-9,
    ),
    ("ssim", "piq", of_tensors(piq.ssim, data_range=255, downsample=False), np.mean, 1e-6),
    ("ms_ssim", "piq", of_tensors(piq.multi_scale_ssim, data_range=255), np.mean, 1e-6),
    ("vif", "torchmetrics", of_tensors(torchmetrics.visual_information_fidelity), np.sum, 1e-6),
    ("vif", "piq", of_tensors(piq.vif_p, data_range=255), np.sum, 1e-6),
    ("vif", "sewar", sewar.vifp, np.sum, 1e-6),
]
PSNR = {
    "skimage": lambda s, f: peak_signal_noise_ratio(s, f, data_range=255),
    "sewar": lambda s, f: sewar.psnr(s, f, MAX=255),
    "torchmetrics": of_tensors(torchmetrics.peak_signal_noise_ratio, data_range=255.0),
    "piq": of_tensors(piq.psnr, data_range=255),
}


@pytest.fixture(scope="module")
def images() -> list[Array]:
    """Two related sources and a fused image with all values from 0 to 255, (176, 192)."""
    rng = np.random.default_rng(8)
    a = np.kron(rng.uniform(0, 255, (22, 24)), np.ones((8, 8)))
    b = 0.5 * a + np.kron(rng.uniform(-60, 180, (44, 48)), np.ones((4, 4)))
    noisy = [image + rng.normal(0, 12, image.shape) for image in (a, b, 0.6 * a + 0.4 * b)]
    images = [np.clip(np.floor(image), 0, 255) for image in noisy]
    for image in images:
        image[0] = np.arange(192)
        image[1] = np.arange(192) + 64
    return images


@pytest.mark.parametrize(
    ("metric", "library", "function", "combine", "tolerance"),
    TABLE,
    ids=[f"{case[0]}-{case[1]}" for case in TABLE],
)
def test_agreement(
    images: list[Array],
    metric: str,
    library: str,
    function: Callable[[Array, Array], float],
    combine: Callable[[Any], Any],
    tolerance: float,
) -> None:
    *sources, fused = images
    expected = combine([function(source, fused) for source in sources])
    found = CONVENTIONS["standard"].functions[metric](sources, fused)
    assert found == pytest.approx(expected, abs=tolerance), library


@pytest.mark.parametrize("library", PSNR)
def test_psnr_against_one_image(images: list[Array], library: str) -> None:
    source, _, fused = images
    expected = PSNR[library](source, fused)
    found = CONVENTIONS["standard"].functions["psnr"]([source, source], fused)
    assert found == pytest.approx(expected, abs=1e-5)


def test_scd_from_scikit_image(images: list[Array]) -> None:
    a, b, fused = images
    expected = pearson_corr_coeff(fused - b, a)[0] + pearson_corr_coeff(fused - a, b)[0]
    found = CONVENTIONS["standard"].functions["scd"]([a, b], fused)
    assert found == pytest.approx(expected, abs=1e-9)
