"""The MEF-SSIM loss of DeepFuse (Sec. 3.2), after Ma, Zeng and Wang, TIP 2015.

Each patch of exposure k is split into its mean, its contrast c_k = ||y_k - mean|| and its
structure s_k = (y_k - mean) / c_k (Eq. 2). The desired patch has the highest contrast and the
weighted mean of the structures (Eqs. 3 to 5):

    y^ = max_k c_k * s^,   s^ = s- / ||s-||,   s- = sum_k w_k s_k / sum_k w_k

and the score of a fused patch y_f is (2 cov(y^, y_f) + C) / (var(y^) + var(y_f) + C) (Eq. 6). The
code cuts out no patches: y^ is a sum of the centered source patches with the factors

    a_k = max_j c_j / ||s-|| * w_k / (c_k sum_j w_j),

so its variance and covariance are weighted sums of the sources' covariances, and these are averages
over windows.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.DeepFuse import DeepFuse
from utils.utils import InputError

WINDOW = 11  # side of a patch, pixels
SIGMA = 1.5  # standard deviation of the score's Gaussian window, pixels
K = 0.03  # C = K^2 for images in [0, 1]
NORM_OFFSET = 1e-3 / 255  # added to each contrast, as the metric's authors do
FLAT = 1e-4  # a contrast below this is rounding noise
OPPOSED = 1e-4  # if the structures cancel to less than this share, the desired patch is flat
MAX_EXPONENT = 10.0
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)  # weights of the metric's three scales, finest first
LEVEL_WINDOW = 44  # side of the squares whose means are compared, pixels: a patch at a quarter size
LEVEL_STEP = 4  # pixels from one of these squares to the next
WELL_EXPOSED = 0.5  # mean of an exposure that counts most
EXPOSURE_SIGMA = 0.2  # standard deviation of the weight of an exposure over its mean


@dataclass(frozen=True)
class DesiredPatches:
    """The desired patch y^ at every position, as factors of the centered sources.

    Attributes:
        sources: Exposures, (B, N, H, W), in [0, 1].
        factors: a_k, (B, N, h, w) with h = H - 10 and w = W - 10.
        means: Gaussian-weighted means of the sources, (B, N, h, w).
        variance: Gaussian-weighted variance of y^, (B, 1, h, w).
    """

    sources: Tensor
    factors: Tensor
    means: Tensor
    variance: Tensor


def check_crop_size(side: int, scales: int, levels: int = 1) -> None:
    """Refuse samples whose coarsest scale, or level of the pyramid, would be too small.

    A scale of the loss must hold a window, a level of the pyramid what the network takes at least.

    Raises:
        InputError: `side`, in pixels, is too small.
    """
    least = {
        f"--loss_scales {scales}": WINDOW * 2 ** (scales - 1),
        f"--levels {levels}": DeepFuse.min_side * 2 ** (levels - 1),
    }
    for flag, needed in least.items():
        if side < needed:
            raise InputError(f"--crop_size {side}: {flag} needs {needed} or more")


def average(images: Tensor, window: Tensor) -> Tensor:
    """Return weighted averages over windows that lie inside: (B, N, H, W) to (B, N, h, w).

    The window, (11,), is applied along both axes in turn.
    """
    channels = images.shape[1]
    weights = window.to(images).expand(channels, 1, 1, -1)
    rows = F.conv2d(images, weights, groups=channels)
    return F.conv2d(rows, weights.transpose(2, 3), groups=channels)


def uniform_window() -> Tensor:
    """Return the window of the structures, which sums to 1."""
    return torch.full((WINDOW,), 1 / WINDOW, dtype=torch.float64)


def gaussian_window() -> Tensor:
    """Return the window of the score, which sums to 1."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    return window / window.sum()


def covariances(sources: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sources' windowed means, (B, N, h, w), and covariances, (B, N, N, h, w)."""
    means = average(sources, window)
    products = (sources.unsqueeze(2) * sources.unsqueeze(1)).flatten(1, 2)
    moments = average(products, window).unflatten(1, (sources.shape[1], -1))
    return means, moments - means.unsqueeze(2) * means.unsqueeze(1)


@torch.no_grad()
def desired_patches(sources: Tensor, weighting: float | None = None) -> DesiredPatches:
    """Return the desired patches of the fused image (Eqs. 2 to 5).

    Args:
        sources: Exposures of a scene, (B, N, H, W), in [0, 1]. No gradient flows into them.
        weighting: The exponent p of w_k = (c_k / 11)^p. None means the metric's
            p = tan(pi / 2 * R), at most 10, with the consistency R = ||sum_k c_k s_k|| / sum_k c_k.
    """
    dtype, sources = (
        sources.dtype,
        sources.detach().double(),
    )  # float64: contrasts are roots of small differences
    sums = covariances(sources, uniform_window())[1] * WINDOW**2  # (B, N, N, h, w)
    bare = sums.diagonal(dim1=1, dim2=2).movedim(-1, 1).clamp_min(0).sqrt()  # (B, N, h, w)
    contrast = bare + NORM_OFFSET
    tiny = torch.finfo(sources.dtype).eps
    if weighting is None:
        together = sums.sum(dim=(1, 2)).clamp_min(0).sqrt()
        consistency = ((together + tiny) / (bare.sum(dim=1) + tiny)).clamp_max(1 - 1e-7)
        exponent = torch.tan(math.pi / 2 * consistency).clamp_max(MAX_EXPONENT).unsqueeze(1)
    else:
        exponent = torch.full_like(contrast[:, :1], weighting)
    weights = (255 * contrast / WINDOW) ** exponent + tiny
    weights = torch.where(bare < FLAT, 0.0, weights / contrast)  # factors of the centered sources
    length = (weights.unsqueeze(2) * weights.unsqueeze(1) * sums).sum(dim=(1, 2))
    length = length.clamp_min(1e-24).sqrt()  # ||s-||
    scale = torch.where(
        length < OPPOSED * (weights * bare).sum(dim=1), 0.0, contrast.amax(dim=1) / length
    )
    factors = weights * scale.unsqueeze(1)
    means, spread = covariances(sources, gaussian_window())
    variance = (factors.unsqueeze(2) * factors.unsqueeze(1) * spread).sum(dim=(1, 2))
    found = (sources, factors, means, variance.unsqueeze(1))
    return DesiredPatches(*(value.to(dtype) for value in found))


def mef_ssim_map(desired: DesiredPatches, fused: Tensor) -> Tensor:
    """Return the score of every patch (Eq. 6): (B, 1, H, W) to (B, 1, h, w), in [-1, 1]."""
    window = gaussian_window()
    mean = average(fused, window)
    variance = average(fused.square(), window) - mean.square()
    moments = average(desired.sources * fused, window) - desired.means * mean
    covariance = (desired.factors * moments).sum(dim=1, keepdim=True)
    return (2 * covariance + K**2) / (desired.variance + variance + K**2)


def mef_ssim_loss(
    sources: Tensor, fused: Tensor, scales: int = 1, weighting: float | None = None
) -> Tensor:
    """Return 1 - mean score of each scene (Eq. 7), (B,).

    Args:
        sources: Exposures, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), near [0, 1].
        scales: 1 as in the paper, or up to 3, each half as large as the one before and weighted
            as in the MEF-SSIM metric.
        weighting: See `desired_patches`.
    """
    parts = SCALE_WEIGHTS[:scales]
    loss = fused.new_zeros(fused.shape[0])
    for index, part in enumerate(parts):
        if index:
            sources, fused = F.avg_pool2d(sources, 2), F.avg_pool2d(fused, 2)
        score = mef_ssim_map(desired_patches(sources, weighting), fused).mean(dim=(1, 2, 3))
        loss = loss + part / sum(parts) * (1 - score)
    return loss


def exposure_weights(means: Tensor) -> Tensor:
    """Return the weight of each exposure in the level of the result, (B, N); they sum to 1.

    w_k = exp(-(M_k - 0.5)^2 / (2 * 0.2^2)), divided by the sum of all: an exposure that is nearly
    black or white on the whole has almost no weight.

    Args:
        means: Mean M_k of each whole exposure, not only of a patch, (B, N), in [0, 1].
    """
    return torch.softmax(-(means - WELL_EXPOSED).square() / (2 * EXPOSURE_SIGMA**2), dim=1)


def level_loss(sources: Tensor, fused: Tensor, means: Tensor) -> Tensor:
    """Return the mean squared difference between each result and its desired level, (B,).

    The level is what MEF-SSIM leaves free: the mean of a square of 44x44 pixels, or of the whole
    image if that is smaller. It should be L = sum_k w_k mu_k, with mu_k the mean of the square in
    source k and w_k of `exposure_weights`.

    Args:
        sources: Exposures, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W).
        means: Mean of each whole exposure, (B, N), in [0, 1].
    """
    weights = exposure_weights(means)[:, :, None, None]
    window = [min(LEVEL_WINDOW, side) for side in fused.shape[2:]]
    wanted = (weights * sources).sum(dim=1, keepdim=True)  # (B, 1, H, W)
    return F.avg_pool2d(fused - wanted, window, LEVEL_STEP).square().mean(dim=(1, 2, 3))


def clipping_loss(fused: Tensor) -> Tensor:
    """Return how much clipping would change each result, (B,): pixels' mean distance to [0, 1]."""
    return (fused - fused.clamp(0, 1)).abs().mean(dim=(1, 2, 3))


def deepfuse_loss(
    sources: Tensor,
    fused: Tensor,
    means: Tensor,
    scales: int = 1,
    weighting: float | None = None,
    level_weight: float = 0.2,
    clipping_weight: float = 1.0,
) -> dict[str, Tensor]:
    """Return `loss`, the weighted sum of three terms, and the terms, as means over the batch.

    All terms take the output unclipped, so that pixels outside [0, 1] have a gradient too.

    Departure: the paper has `mef_ssim_loss` alone (Eq. 7), which is the loss if both weights are 0.
    It does not determine the mean of a patch, nor how much of the result is clipped.

    Args:
        sources: Exposures, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), near [0, 1].
        means: Mean of each whole exposure, (B, N), in [0, 1].
        scales: See `mef_ssim_loss`.
        weighting: See `desired_patches`.
        level_weight: Weight of `level_loss`.
        clipping_weight: Weight of `clipping_loss`.
    """
    structure = mef_ssim_loss(sources, fused, scales, weighting).mean()
    level = level_loss(sources, fused, means).mean()
    clipping = clipping_loss(fused).mean()
    return {
        "loss": structure + level_weight * level + clipping_weight * clipping,
        "mef_ssim_loss": structure,
        "level_loss": level,
        "clipping_loss": clipping,
    }


@torch.no_grad()
def desired_image(sources: Tensor, means: Tensor, weighting: float | None = None) -> Tensor:
    """Return the image that the desired patches make, (B, 1, H, W), not clipped.

    The mean of each patch is that of the sources' patches, weighted by `exposure_weights`. Where
    patches overlap, they are averaged.

    Args:
        sources: Exposures, (B, N, H, W), in [0, 1].
        means: Mean of each whole exposure, (B, N), in [0, 1].
        weighting: See `desired_patches`.
    """
    desired = desired_patches(sources, weighting)
    weights = exposure_weights(means)[:, :, None, None]
    local = average(sources, uniform_window())
    window = torch.ones(1, 1, WINDOW, WINDOW).to(sources)

    def spread(patches: Tensor) -> Tensor:
        channels = patches.shape[1]
        return F.conv_transpose2d(patches, window.expand(channels, -1, -1, -1), groups=channels)

    level = ((weights - desired.factors) * local).sum(dim=1, keepdim=True)
    total = (spread(desired.factors) * sources).sum(dim=1, keepdim=True) + spread(level)
    return total / spread(torch.ones_like(level))
