"""The losses of both stages, per image and then averaged."""

from torch import Tensor

EPS = 1e-8  # added to variances: a constant image correlates with nothing
LEAST_CORRELATION = 0.01  # Departure: keeps the loss finite; the official code has no bound


def average_loss(fused: Tensor, vis: Tensor, ir: Tensor) -> Tensor:
    """Return the distance to the mean of the sources, L1, that the warm start minimises.

    Args:
        fused: Fused luma, (B, 1, H, W), in [0, 1].
        vis: Luma of the visible images, likewise.
        ir: Infrared images, likewise.
    """
    per_image = (fused - (vis + ir) / 2).abs().mean(dim=(1, 2, 3))  # (B,)
    return per_image.mean()


def correlation_loss(fused: Tensor, vis: Tensor, ir: Tensor) -> Tensor:
    """Return 1 / (r(ir, fused) + r(vis, fused)), which keeps the fused image near its sources.

    Departure: correlated per image, not over a whole batch as in the official code, so that an
    image's loss does not depend on its neighbours.

    Args:
        fused: Fused luma, (B, 1, H, W), in [0, 1].
        vis: Luma of the visible images, likewise.
        ir: Infrared images, likewise.
    """
    both = correlation(ir, fused) + correlation(vis, fused)  # (B,)
    return both.clamp(min=LEAST_CORRELATION).reciprocal().mean()


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return Pearson's correlation of each pair of images, (B,), 0 where one is constant."""
    a, b = (x - x.mean(dim=(1, 2, 3), keepdim=True) for x in (a, b))
    covariance = (a * b).mean(dim=(1, 2, 3))
    variances = a.square().mean(dim=(1, 2, 3)) * b.square().mean(dim=(1, 2, 3))
    return covariance / (variances + EPS**2).sqrt()
