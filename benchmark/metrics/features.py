"""Feature mutual information (FMI)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import numpy as np
import pywt
import scipy.fft
import torch
from torch import Tensor

from benchmark.metrics.arrays import metric_of_sources, round_half_up
from benchmark.metrics.filters import sobel

WINDOW = 3  # pixels, side
FLAT = 1e-6  # a window whose values differ by less counts as flat: these are rounding errors
TINY = 1e-300
CHUNK = {"cpu": 4096}  # windows at a time, so that a chunk's arrays stay in the cache
LARGE_CHUNK = 2**18


@metric_of_sources("FMI", smallest=WINDOW, double=True)
def fmi(
    sources: Sequence[Tensor],
    fused: Tensor,
    feature: Literal["pixel", "edge", "dct", "wavelet"] = "pixel",
) -> Tensor:
    """Return the feature mutual information FMI, 1 for A = B = F.

    The mean over all 3 x 3 windows of the features, and over the sources, of
    2 I(S, F) / (H(S) + H(F)), 1 where the windows are equal and 0 where neither has entropy
    (Haghighat, Aghagolzadeh and Seyedarabi, Computers and Electrical Engineering 2011; Haghighat
    and Razian, AICT 2014). A window's nine values, less their minimum and over their sum, are the
    distribution of a number from 1 to 9, counted down the columns; a flat window is uniform. The
    joint distribution is phi U + (1 - phi) p q^T, U the one of the largest (for a negative c, the
    smallest) covariance with the given marginals p and q (Frechet's bounds), c Pearson's
    correlation of p and q, phi = c / (correlation under U). Where phi exceeds 1 and a share is
    negative, its absolute value enters the logarithm.

    Features: the pixels; Sobel edges, thinned, of a squared strength above 4 times its mean; the
    cosine transform of the image; its four subbands of a discrete Meyer wavelet side by side
    (PyWavelets' filter of 62 taps, the image reflected). They are those of MATLAB's `edge`, `dct2`
    and `dwt2`, of pixels rounded half up as in 8-bit images; no published value was compared.
    Computed in float64 whatever the type.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
        feature: The features to compare.

    Raises:
        ValueError: If a side is shorter than 3 pixels.
    """
    extract = FEATURES[feature]
    windows = [_windows(extract(round_half_up(luma))) for luma in (*sources, fused)]
    values = torch.stack([_information(s, windows[-1]) for s in windows[:-1]]).mean(dim=0)
    return values.reshape(fused.shape[0], -1).mean(dim=1)


def _pixels(luma: Tensor) -> Tensor:
    return luma


def _edges(luma: Tensor) -> Tensor:
    """Return 1 at thinned edges and 0 elsewhere, (B, 1, H, W).

    Along the axis of its larger response, an edge is at least as strong as the neighbor on one side
    and stronger than the neighbor on the other. The outermost pixels are not edges.
    """
    right, down = (response.abs() for response in sobel(luma, "replicate"))
    squares = right * right + down * down
    middle = squares[..., 1:-1, 1:-1]
    across = (squares[..., 1:-1, :-2] <= middle) & (middle > squares[..., 1:-1, 2:])
    along = (squares[..., :-2, 1:-1] <= middle) & (middle > squares[..., 2:, 1:-1])
    steep = right[..., 1:-1, 1:-1] - down[..., 1:-1, 1:-1]
    strong = middle > 4 * squares.mean(dim=(1, 2, 3), keepdim=True)
    edges = torch.zeros_like(luma)
    edges[..., 1:-1, 1:-1] = strong & (((steep >= 0) & across) | ((steep <= 0) & along))
    return edges


def _cosines(luma: Tensor) -> Tensor:
    """Return the orthonormal cosine transform (DCT-II) of each image, (B, 1, H, W)."""
    rows, columns = (_cosine_basis(size).to(luma) for size in luma.shape[-2:])
    return rows @ luma @ columns.T


def _wavelets(luma: Tensor) -> Tensor:
    """Return the subbands of each image, [A H; V D], (B, 1, H + 60 or 61, W + 60 or 61)."""
    (low, high), (left, right) = (
        [half.to(luma) for half in _wavelet_basis(size)] for size in luma.shape[-2:]
    )
    smooth, detail = low @ luma, high @ luma
    upper = torch.cat([smooth @ left.T, detail @ left.T], dim=-1)
    lower = torch.cat([smooth @ right.T, detail @ right.T], dim=-1)
    return torch.cat([upper, lower], dim=-2)


FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "pixel": _pixels,
    "edge": _edges,
    "dct": _cosines,
    "wavelet": _wavelets,
}


@cache
def _cosine_basis(size: int) -> Tensor:
    return torch.from_numpy(scipy.fft.dct(np.eye(size), axis=0, norm="ortho"))


@cache
def _wavelet_basis(size: int) -> tuple[Tensor, Tensor]:
    """Return the matrices of the low and the high pass, (M, N) each."""
    low, high = pywt.dwt(np.eye(size), "dmey", mode="symmetric", axis=0)
    return torch.from_numpy(low), torch.from_numpy(high)


def _windows(features: Tensor) -> Tensor:
    """Return each window's values, counted down the columns, (9, B (H - 2) (W - 2))."""
    height, width = (size - WINDOW + 1 for size in features.shape[-2:])
    shifted = [
        features[..., row : row + height, column : column + width]
        for column in range(WINDOW)
        for row in range(WINDOW)
    ]
    return torch.stack(shifted).flatten(1)


def _information(source: Tensor, fused: Tensor) -> Tensor:
    """Return the normalized mutual information of each pair of windows, (9, N) to (N,)."""
    different = ((source - fused).abs_().amax(dim=0) >= FLAT).nonzero().flatten()
    values = torch.ones_like(source[0])
    for chunk in different.split(CHUNK.get(source.device.type, LARGE_CHUNK)):
        p, q = (_shares(windows.index_select(1, chunk)) for windows in (source, fused))
        values[chunk] = _normalized_information(p, q)
    return values


def _shares(values: Tensor) -> Tensor:
    """Return the distribution of each window, (9, N)."""
    low, high = torch.aminmax(values, dim=0)
    above = torch.where(high - low < FLAT, 1, values - low)
    return above / above.sum(dim=0)


def _normalized_information(p: Tensor, q: Tensor) -> Tensor:
    """Return 2 I / (H(p) + H(q)) of each pair of distributions, (9, N) to (N,)."""
    c = _correlation(p, q)
    q = torch.where(
        c < 0, q.flip(0), q
    )  # the smallest covariance is the largest one with q reversed
    up_to_p, up_to_q = p.cumsum(dim=0), q.cumsum(dim=0)
    smaller = torch.minimum(up_to_p[:, None], up_to_q[None])  # (9, 9, N)
    covariance = smaller.sum(dim=(0, 1)) - up_to_p.sum(dim=0) * up_to_q.sum(dim=0)
    phi = c.abs() * _deviation(p) * _deviation(q) / covariance
    phi = torch.where(covariance > FLAT**2, phi, 0)
    larger = torch.maximum((up_to_p - p)[:, None], (up_to_q - q)[None])
    overlap = smaller.sub_(larger).clamp_(min=0)  # the steps of the bound
    joint = overlap.mul_(phi).addcmul_(((1 - phi) * p)[:, None], q[None])
    total = _entropy(p) + _entropy(q)
    return torch.where(total > 0, 2 * (total - _entropy(joint.flatten(0, 1))) / total, 0)


def _correlation(p: Tensor, q: Tensor) -> Tensor:
    """Return Pearson's correlation of the shares, 0 where one is uniform, (N,).

    In a window that is not flat, one share is 0 and thus 1 / 9 below uniform; smaller deviations
    are rounding errors.
    """
    p, q = p - 1 / len(p), q - 1 / len(q)
    product = p.square().sum(dim=0) * q.square().sum(dim=0)
    return torch.where(product > FLAT, (p * q).sum(dim=0) / product.sqrt(), 0)


def _deviation(p: Tensor) -> Tensor:
    """Return the standard deviation of a number with the distribution p, (N,)."""
    number = torch.arange(len(p), dtype=p.dtype, device=p.device).reshape(-1, 1)
    mean = (number * p).sum(dim=0)
    return ((number - mean).square() * p).sum(dim=0).sqrt()


def _entropy(shares: Tensor) -> Tensor:
    """Return -sum x ln |x| over the first dimension, (N,)."""
    return -shares.abs().clamp_(min=TINY).log_().mul_(shares).sum(dim=0)
