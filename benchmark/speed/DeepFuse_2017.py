"""DeepFuse: `cd DeepFuse_2017 && python -m benchmark.speed.DeepFuse_2017` prints JSON."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.speed.harness import (
    Case,
    Image,
    gray_pair,
    load_weights,
    main,
    noise,
    planes,
    to_image,
    training_step,
)
from models.DeepFuse import DeepFuse
from utils.util_device import keep_freed_memory, memory_format
from utils.util_fusion import ImageFusion
from utils.util_loss import deepfuse_loss

BATCH, SIDE = 4, 64
PAIR = (800, 1200)  # height and width, pixels
ABOUT = {
    "train": f"steps, batch {BATCH}, pairs of {SIDE}x{SIDE}",
    "fuse": "pairs, 1200x800 gray",
}
WINDOW = 11  # pixels


def ours(device: torch.device) -> Mapping[str, Case]:
    """Return a training step and the fusion of a pair as they ship."""
    keep_freed_memory()
    model = DeepFuse().to(device).to(memory_format=memory_format(device, True))
    exposures = noise(BATCH, 2, SIDE, SIDE).to(device)
    means = exposures.mean(dim=(2, 3))
    fusion = ImageFusion(device=str(device))
    pair = gray_pair(*PAIR)

    def loss() -> Tensor:
        return deepfuse_loss(exposures, model(exposures), means)["loss"]

    return {
        "train": training_step(model, loss),
        "fuse": lambda: fusion.fuse(pair),
    }


def plain(device: torch.device) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, the loss on patches that are cut out, whole images."""
    model = DeepFuse().to(device)
    exposures = noise(BATCH, 2, SIDE, SIDE).to(device)
    trained = DeepFuse().to(device)
    load_weights(trained, ImageFusion().weights)
    pair = gray_pair(*PAIR)

    def loss() -> Tensor:
        fused = model(exposures)
        weights = torch.exp(-(exposures.mean(dim=(2, 3), keepdim=True) - 0.5).square() / 0.08)
        level = (weights * exposures).sum(dim=1) / weights.sum(dim=1)
        squares = (fused[:, 0] - level).unfold(1, 44, 4).unfold(2, 44, 4).mean(dim=(3, 4))
        clipped = (fused - fused.clamp(0, 1)).abs().mean()
        return mef_ssim_loss(exposures, fused) + 0.2 * squares.square().mean() + clipped

    @torch.no_grad()
    def fuse() -> Image:
        return to_image(trained(planes(pair, device).transpose(0, 1)))

    return {"train": training_step(model, loss), "fuse": fuse}


def mef_ssim_loss(exposures: Tensor, fused: Tensor) -> Tensor:
    """Return 1 - MEF-SSIM, the mean over all patches, as the paper defines it (Eqs. 2 to 7).

    Args:
        exposures: (B, N, H, W), in [0, 1].
        fused: (B, 1, H, W).
    """
    count = exposures.shape[1]
    patches = F.unfold(exposures.flatten(0, 1)[:, None], WINDOW)  # (B N, 121, L)
    centered = patches.unflatten(0, (-1, count))  # (B, N, 121, L)
    centered = centered - centered.mean(dim=2, keepdim=True)
    norm = centered.norm(dim=2, keepdim=True)
    contrast = norm + 1e-3 / 255
    tiny = torch.finfo(exposures.dtype).eps
    together = centered.sum(dim=1, keepdim=True).norm(dim=2, keepdim=True)
    consistency = (together + tiny) / (norm.sum(dim=1, keepdim=True) + tiny)
    exponent = torch.tan(math.pi / 2 * consistency.clamp_max(1 - 1e-7)).clamp(0, 10)
    weights = (255 * contrast / WINDOW) ** exponent + tiny
    structure = (weights * centered / contrast).sum(dim=1) / weights.sum(dim=1)  # (B, 121, L)
    desired = contrast.amax(dim=1) * F.normalize(structure, dim=1)

    offsets = torch.arange(WINDOW, device=fused.device) - WINDOW // 2
    line = torch.exp(-offsets.square() / (2 * 1.5**2))
    window = torch.outer(line, line).reshape(1, -1, 1) / line.sum() ** 2  # (1, 121, 1)
    found = F.unfold(fused, WINDOW)
    desired = desired - (window * desired).sum(dim=1, keepdim=True)
    found = found - (window * found).sum(dim=1, keepdim=True)
    covariance = (window * desired * found).sum(dim=1)
    variances = (window * (desired.square() + found.square())).sum(dim=1)
    return 1 - ((2 * covariance + 0.03**2) / (variances + 0.03**2)).mean()


if __name__ == "__main__":
    main(ABOUT, ours, plain)
