"""What runs need beyond mmengine: errors, bfloat16 on any device, seeds, checkpoints, drawing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce_dict, get_rank
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS, OPTIM_WRAPPERS
from torch import Tensor, nn

from mmseg_bffr.batch_norm import share_batch_norms
from utils.common.checkpoint import UNREADABLE
from utils.util_device import memory_format
from utils.util_resume import check_weights, read_own_checkpoint
from utils.utils import InputError


class CheckedRunner(Runner):
    """mmengine's Runner; what the user gave wrongly ends in an `InputError`."""

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the network for several processes, whose batch norms see one batch."""
        if self.distributed and not torch.cuda.is_available():
            model = share_batch_norms(model)
        return super().wrap_model(model_wrapper_cfg, model)

    def train(self) -> nn.Module:
        """Train, and return the network."""
        with first_cause():
            return super().train()

    def test(self) -> dict:
        """Test, and return the scores."""
        with first_cause():
            return super().test()

    def resume(self, filename: str, *arguments: Any, **options: Any) -> None:
        """Go on with a checkpoint.

        Raises:
            InputError: it is damaged, of another network, or not one of this repository's runs.
        """
        path = Path(filename)
        model: Any = getattr(self.model, "module", self.model)
        check_weights(read_own_checkpoint(path)["state_dict"], model.state_dict(), path)
        try:
            super().resume(filename, *arguments, **options)
        except UNREADABLE as error:
            raise InputError(f"{path} cannot be resumed, it is damaged: {error}") from error


@contextmanager
def first_cause() -> Iterator[None]:
    """Raise an `InputError` of a loading process without that process's traceback."""
    try:
        yield
    except InputError as error:
        last = str(error).strip().splitlines()[-1]
        raise InputError(last.partition("InputError: ")[2] or last) from error


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Compute under bfloat16 autocast on any device; AmpOptimWrapper refuses CPUs."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enter the forward pass of a training step."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


@HOOKS.register_module()
class SeedEachIteration(Hook):
    """Seed torch by (seed, iteration, process): a resumed run then drops out the same units."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Seed the iteration."""
        torch.manual_seed(((runner.seed or 0) * 2**32 + batch_idx) * 2**10 + get_rank())


@HOOKS.register_module()
class MeanLosses(Hook):
    """Log the means of the losses over all processes, not the losses of the first one."""

    priority = "HIGHEST"  # before the hook that logs

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: dict[str, Tensor] | None = None,
    ) -> None:
        """Replace the losses of an iteration."""
        if outputs:
            all_reduce_dict(outputs, "mean")


@HOOKS.register_module()
class FastestLayout(Hook):
    """Keep weights in the layout that is fastest; feature maps follow."""

    def before_train(self, runner: Runner) -> None:
        """Convert the network."""
        device = next(runner.model.parameters()).device
        runner.model.to(memory_format=memory_format(device, training=True))


@HOOKS.register_module()
class PlainCheckpoint(Hook):
    """Store only tensors and plain types in checkpoints, without the console's averages.

    So `utils.common.checkpoint.load_checkpoint` can read them without running code from a file.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Change what will be saved."""
        found = checkpoint["message_hub"]["runtime_info"].items()
        numbers = {k: v.item() if isinstance(v, np.generic) else v for k, v in found}
        plain = {k: v for k, v in numbers.items() if isinstance(v, bool | int | float | str)}
        checkpoint["message_hub"] = {
            "log_scalars": {},
            "runtime_info": plain,
            "resumed_keys": dict.fromkeys(plain, True),
        }


class DrawSegmentations(Hook):
    """Write the segmentation of each test image.

    Args:
        write: Called with the stem of the file, the fused image, (H, W, 3), R, G, B in [0, 1],
            and the class ids, (H, W), uint8.
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
