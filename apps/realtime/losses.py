"""How far a student's result is from its teacher's."""

from typing import Any

import torch
from pytorch_msssim import ssim
from torch import Tensor, nn

from apps.realtime.crops import Sample


def result_of(model: nn.Module, sample: Sample) -> Tensor:
    """Return what a student makes of a batch of crops, where their loss is taken."""
    fused = model(sample["pair"], sample.get("statistics"))
    size = sample["target"].shape[2]
    kept = [
        each[:, down : down + size, along : along + size]
        for each, (down, along) in zip(fused, sample["place"].tolist(), strict=True)
    ]
    return torch.stack(kept)


def clipped_like(result: Tensor, target: Tensor) -> Tensor:
    """Return a result that is clipped to [0, 1] where the target is 0 or 1, and only there.

    The results of both are clipped when they are used, so what lies beyond is no error there.
    Elsewhere it is one, and keeps its gradient.
    """
    low = torch.where(target > 0, -torch.inf, 0.0)
    high = torch.where(target < 1, torch.inf, 1.0)
    return result.clamp(low, high)


def distances(model: nn.Module, sample: Sample) -> dict[str, Tensor]:
    """Return the losses of a batch.

    Returns:
        loss: The sum of the next two.
        l1: Mean absolute difference, weighted.
        dssim: 1 - SSIM.
        psnr: In dB; of the mean over the crops, each by itself.
    """
    target, weight = sample["target"], sample["weight"]
    result = torch.where(weight > 0, result_of(model, sample), target).float()
    result = clipped_like(result, target)
    l1 = (weight * (result - target).abs()).sum() / weight.sum()
    dssim = 1 - ssim(result, target, data_range=1)
    return {"loss": l1 + dssim, "l1": l1, "dssim": dssim, "psnr": psnr(result, target).mean()}


def psnr(result: Tensor, target: Tensor) -> Tensor:
    """Return the PSNR of each image in [0, 1], (B,), in dB."""
    error = (result.clamp(0, 1) - target).square().mean(dim=(1, 2, 3))
    return -10 * error.clamp_min(1e-10).log10()


def pictures_of(model: nn.Module, sample: Any) -> dict[str, Tensor]:
    """Return images of a batch for TensorBoard: teacher, student, and eight times what is apart."""
    result, target = result_of(model, sample), sample["target"]
    return {"teacher": target, "student": result, "difference x8": 8 * (result - target).abs()}
