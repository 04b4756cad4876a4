"""The losses of both stages, per image and then averaged."""

from torch import Tensor

EPS = 1e-8  # keeps the correlation with a constant image at 0 instead of 0 / 0
MIN_CORRELATION = 0.01  # Departure: keeps the loss finite; the official code has no bound


def average_loss(fused: Tensor, vis: Tensor, ir: Tensor) -> Tensor:
    """Return the L1 distance to the mean of the sources, the loss of stage 1.

    Args:
        fused: Fused luma, (B, 1, H, W), in [0, 1].
        vis: Luma of the visible images, (B, 1, H, W), in [0, 1].
        ir: Infrared images, (B, 1, H, W), in [0, 1].
    """
    per_image = (fused - (vis + ir) / 2).abs().mean(dim=(1, 2, 3))  # (B,)
    return per_image.mean()


def correlation_loss(fused: Tensor, vis: Tensor, ir: Tensor) -> Tensor:
    """Return 1 / (r(ir, fused) + r(vis, fused)), which keeps the fused image like its sources.

    Departure: correlations are taken for each image, not over a whole batch as in the official
    code, so that the loss of an image does not depend on the other images.

    Args:
        fused: Fused luma, (B, 1, H, W), in [0, 1].
        vis: Luma of the visible images, (B, 1, H, W), in [0, 1].
        ir: Infrared images, (B, 1, H, W), in [0, 1].
    """
    both = correlation(ir, fused) + correlation(vis, fused)  # (B,)
    return both.clamp(min=MIN_CORRELATION).reciprocal().mean()


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return Pearson's correlation of each pair of images, (B,); 0 if one of them is constant."""
    a, b = (x - x.mean(dim=(1, 2, 3), keepdim=True) for x in (a, b))
    covariance = (a * b).mean(dim=(1, 2, 3))
    variances = a.square().mean(dim=(1, 2, 3)) * b.square().mean(dim=(1, 2, 3))
    return covariance / (variances + EPS**2).sqrt()
