"""The loss of U2Fusion: distance to each source, weighted by information ("Loss function").

loss = sum_i omega_i (1 - SSIM(fused, source_i)) + alpha sum_i omega_i MSE(fused, source_i)
"""

from pytorch_msssim import ssim
from torch import Tensor

from utils.utils import InputError

WINDOW = 11  # side of SSIM's window, pixels


def check_crop_size(side: int) -> None:
    """Refuse samples that are smaller than SSIM's window.

    Raises:
        InputError: `side`, in pixels, is too small.
    """
    if side < WINDOW:
        raise InputError(f"--crop_size {side}: SSIM needs {WINDOW} or more")


def ssim_loss(sources: Tensor, fused: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of 1 - SSIM of each sample, (B,).

    The window is 11x11, Gaussian with sigma 1.5, at valid positions; K1 0.01, K2 0.03.

    Args:
        sources: Lumas, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), in [0, 1].
        weights: omega, (B, N).
    """
    each = sources.flatten(0, 1).unsqueeze(1)  # (B N, 1, H, W)
    output = fused.expand_as(sources).flatten(0, 1).unsqueeze(1)
    similarity = ssim(output, each, data_range=1.0, size_average=False)  # (B N,)
    return (weights * (1 - similarity.view_as(weights))).sum(dim=1)


def mse_loss(sources: Tensor, fused: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of mean squared errors of each sample, (B,).

    Departure: each sample's weight multiplies its own error. In the official code, weights of (B,)
    meet errors of (B, 1), so that the loss is a product of two means over the batch.

    Args:
        sources: Lumas, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), in [0, 1].
        weights: omega, (B, N).
    """
    errors = (fused - sources).square().mean(dim=(2, 3))  # (B, N)
    return (weights * errors).sum(dim=1)


def similarity_loss(
    sources: Tensor,
    fused: Tensor,
    weights: Tensor,
    ssim_weight: float = 1.0,
    mse_weight: float = 20.0,
) -> dict[str, Tensor]:
    """Return `loss` = ssim_weight * `ssim_loss` + mse_weight * `pixel_loss` and both, batch means.

    Args:
        sources: Lumas, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), in [0, 1].
        weights: omega, (B, N); no gradient flows into them.
        ssim_weight: Weight of the structural loss, 1 in the paper.
        mse_weight: alpha, weight of the pixel loss, 20 in the paper.
    """
    structure = ssim_loss(sources, fused, weights).mean()
    pixel = mse_loss(sources, fused, weights).mean()
    return {
        "loss": ssim_weight * structure + mse_weight * pixel,
        "pixel_loss": pixel,
        "ssim_loss": structure,
    }
