"""What is DeepFuse's own in the tests: its networks."""

import torch

from models.DeepFuse import DeepFuse

NAME = "DeepFuse"
FOLDER_NAME = "DeepFuse_2017"


def build(channels: int = 1) -> DeepFuse:
    """Return a fresh network; it takes luma, whatever the number of channels."""
    assert channels == 1
    return DeepFuse()


def near_identity(channels: int = 1, noise: float = 0.01) -> DeepFuse:
    """Return a network whose output is nearly the mean of its sources, through all weights."""
    model = build(channels)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(noise * torch.randn(value.shape, generator=generator))
            if value.ndim == 4:
                middle = value.shape[-1] // 2
                value[0, 0, middle, middle] += 0.5 if name.startswith("conv3") else 1  # of the sum
    return model.eval()
