"""What runs need beyond mmengine: bfloat16 on any device, seeds, checkpoints and drawing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS, OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Compute in bfloat16 where autocast may; mmengine's AmpOptimWrapper refuses to on CPUs."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the forward pass of a training step."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


@HOOKS.register_module()
class SeedEachIteration(Hook):
    """Seed torch by (seed, iteration, process), so that a resumed run drops out the same units."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Seed what the iteration draws."""
        torch.manual_seed(((runner.seed or 0) * 2**32 + batch_idx) * 2**10 + get_rank())


@HOOKS.register_module()
class ChannelsLast(Hook):
    """Keep weights, and so feature maps, in the order that convolutions are fastest in."""

    def before_train(self, runner: Runner) -> None:
        """Convert the network."""
        runner.model.to(memory_format=torch.channels_last)


@HOOKS.register_module()
class PlainCheckpoint(Hook):
    """Leave the console's averages out of checkpoints: all else is tensors and plain types.

    So `utils.common.checkpoint.load_checkpoint` reads them, without running code from a file.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Change what will be saved."""
        said = checkpoint["message_hub"]["runtime_info"].items()
        numbers = {k: v.item() if isinstance(v, np.generic) else v for k, v in said}
        plain = {k: v for k, v in numbers.items() if isinstance(v, bool | int | float | str)}
        checkpoint["message_hub"] = {
            "log_scalars": {},
            "runtime_info": plain,
            "resumed_keys": dict.fromkeys(plain, True),
        }


class DrawSegmentations(Hook):
    """Hand on what a test finds, over the fused images.

    Args:
        write: Takes a stem, an image, (H, W, 3), R, G, B in [0, 1], and class ids, (H, W), uint8.
    """

    def __init__(self, write: Callable[[str, np.ndarray, np.ndarray], None]) -> None:
        self.write = write

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Write each sample of a batch."""
        for sample in outputs:
            image = sample.fused.data.permute(1, 2, 0).cpu().numpy()
            labels = sample.pred_sem_seg.data[0].byte().cpu().numpy()
            self.write(Path(sample.img_path).stem, image, labels)
