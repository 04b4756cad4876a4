"""What U2Fusion minimises: similarity to each source, by its information ("Loss function").

loss = sum_i omega_i (1 - SSIM(fused, source_i)) + alpha sum_i omega_i MSE(fused, source_i)
"""

from pytorch_msssim import ssim
from torch import Tensor

from utils.utils import InputError

WINDOW = 11  # pixels a side, of SSIM


def check_crop_size(side: int) -> None:
    """Refuse samples that are smaller than SSIM's window.

    Raises:
        InputError: `side` pixels are too few.
    """
    if side < WINDOW:
        raise InputError(f"--crop_size {side}: SSIM needs {WINDOW} or more")


def ssim_loss(sources: Tensor, fused: Tensor, weights: Tensor) -> Tensor:
    """Return each sample's weighted sum of 1 - SSIM, (B,).

    The window is 11x11, Gaussian with sigma 1.5, at valid positions; K1 0.01, K2 0.03.

    Args:
        sources: Lumas, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W).
        weights: omega, (B, N).
    """
    each = sources.flatten(0, 1).unsqueeze(1)  # (B N, 1, H, W)
    output = fused.expand_as(sources).flatten(0, 1).unsqueeze(1)
    similarity = ssim(output, each, data_range=1.0, size_average=False)  # (B N,)
    return (weights * (1 - similarity.view_as(weights))).sum(dim=1)


def mse_loss(sources: Tensor, fused: Tensor, weights: Tensor) -> Tensor:
    """Return each sample's weighted sum of mean squared errors, (B,); see `ssim_loss`."""
    errors = (fused - sources).square().mean(dim=(2, 3))  # (B, N)
    return (weights * errors).sum(dim=1)


def similarity_loss(
    sources: Tensor,
    fused: Tensor,
    weights: Tensor,
    ssim_weight: float = 1.0,
    mse_weight: float = 20.0,
) -> dict[str, Tensor]:
    """Return `loss` = ssim_weight * `ssim_loss` + mse_weight * `pixel_loss`, means over the batch.

    Args:
        sources: Lumas, (B, N, H, W), in [0, 1].
        fused: Network output, (B, 1, H, W), in [0, 1].
        weights: omega, (B, N), constants to the loss.
        ssim_weight: The paper's is 1.
        mse_weight: alpha; the paper's is 20.
    """
    structure = ssim_loss(sources, fused, weights).mean()
    pixel = mse_loss(sources, fused, weights).mean()
    return {
        "loss": ssim_weight * structure + mse_weight * pixel,
        "pixel_loss": pixel,
        "ssim_loss": structure,
    }
