"""Batch norm over the batches of all processes on CPUs; torch's SyncBatchNorm needs GPUs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import all_reduce, get_world_size


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """A batch norm with running averages whose statistics in training are those of all processes.

    All processes must have batches of one size.
    """

    num_batches_tracked: Tensor
    running_mean: Tensor
    running_var: Tensor
    momentum: float

    def forward(self, input: Tensor) -> Tensor:
        """Return normalized features, (B, C, H, W)."""
        if not self.training:
            return super().forward(input)
        mean = _mean(input)  # (C,)
        centered = input - mean[:, None, None]
        variance = _mean(centered.square())
        count = get_world_size() * input.numel() / len(mean)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centered * scale[:, None, None] + self.bias[:, None, None]


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.clone()
        all_reduce(total)
        return total


def _mean(features: Tensor) -> Tensor:
    """Return the mean of each channel over the batches of all processes, (C,)."""
    total: Tensor = _Sum.apply(features.mean(dim=(0, 2, 3)))
    return total / get_world_size()


def share_batch_norms(network: nn.Module) -> nn.Module:
    """Let the batch norms of a network see the batches of all processes, and return it."""
    for norm in network.modules():
        if type(norm) is nn.BatchNorm2d:
            norm.__class__ = CpuSyncBatchNorm  # which has the same parameters and buffers
    return network
