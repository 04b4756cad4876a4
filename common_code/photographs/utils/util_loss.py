# From common_code/photographs/utils/util_loss.py; edit it there, then tools/sync.py.
"""The loss of an auto-encoder: pixel loss + lambda * structural loss.

DenseFuse, Sec. III-C, Eqs. 7 to 9; NestFuse, Sec. III-B, Eqs. 9 to 11.

Images are in [0, 1] here. The papers define the pixel loss, and with it lambda, for images in
0-255, so the difference is multiplied by 255 before it is squared.
"""

from pytorch_msssim import ms_ssim, ssim
from torch import Tensor

from utils.utils import InputError

PEAK = 255.0  # gray levels of the papers' images
MIN_SIDE = {"ssim": 11, "ms_ssim": 161}  # pixels: ms_ssim halves sides four times


def check_crop_size(side: int, kind: str) -> None:
    """Refuse samples that are too small for a structural loss.

    Raises:
        InputError: `side`, in pixels, is less than `MIN_SIDE`.
    """
    if side < MIN_SIDE[kind]:
        raise InputError(f"--crop_size {side}: --ssim {kind} needs {MIN_SIDE[kind]} or more")


def pixel_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of each image, (B,), in squared gray levels of 0-255.

    Both images are (B, C, H, W), in [0, 1].

    Departure: the papers have the Euclidean distance; the public codes use the mean of its square.
    """
    return (PEAK * (output - target)).square().mean(dim=(1, 2, 3))


def ssim_loss(output: Tensor, target: Tensor, kind: str = "ssim") -> Tensor:
    """Return 1 - SSIM of each image, (B,).

    The window is 11x11, Gaussian with sigma 1.5, at valid positions; K1 0.01, K2 0.03.

    Args:
        output: Network output, (B, C, H, W), near [0, 1].
        target: The image to reconstruct, same shape, in [0, 1].
        kind: `ssim`, or `ms_ssim` (five scales, sides of at least 161 pixels).
    """
    similarity = ms_ssim if kind == "ms_ssim" else ssim
    return 1 - similarity(output, target, data_range=1.0, size_average=False)


def reconstruction_loss(
    output: Tensor, target: Tensor, ssim_weight: float = 100.0, kind: str = "ssim"
) -> dict[str, Tensor]:
    """Return `loss` = `pixel_loss` + ssim_weight * `ssim_loss` and both terms, as batch means.

    Args:
        output: Network output, (B, C, H, W), near [0, 1].
        target: The image to reconstruct, same shape, in [0, 1].
        ssim_weight: lambda, which the papers vary from 1 to 1000.
        kind: See `ssim_loss`.
    """
    pixel = pixel_loss(output, target).mean()
    structure = ssim_loss(output, target, kind).mean()
    return {
        "loss": pixel + ssim_weight * structure,
        "pixel_loss": pixel,
        "ssim_loss": structure,
    }
