"""DeepFuse's weights in the forms in which they are published.

- ours: a state_dict of `models.DeepFuse`, as safetensors or in a run's checkpoint;
- original: the original repository's (Cat2eacher/Image-Fusion), convolutions each followed by batch
  normalization, `layer1` to `layer6` under `model`. When images are fused, that normalization is a
  factor and an offset for each channel, which are folded into the convolution.

Files of ours record for how many levels of a pyramid they were trained; others were trained for 1.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from models.DeepFuse import DeepFuse
from models.pyramid import DeepFusePyramid
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.util_levels import LEVELS
from utils.utils import InputError

ORIGINAL_LAYERS = ("layer1", "layer2", "layer4", "layer5", "layer6")
BATCH_NORM_EPS = 1e-5


class Form(str, Enum):
    """The form of a weights file; its value is what messages call it."""

    OURS = "this repository's layout"
    ORIGINAL = "the original repository's layout, with batch normalization"

    def __str__(self) -> str:
        """Return what messages call the form."""
        return self.value


def load_model(path: Path, levels: int | None = None) -> tuple[DeepFuse, Form]:
    """Return the network of a weights file in evaluation mode, and the form of the file.

    Args:
        path: The file, or a folder with a `model.safetensors`.
        levels: How many levels the weights must have been trained for; None takes any.

    Raises:
        InputError: the file is unreadable, its weights are not DeepFuse's, or were trained for
            another number of levels.
    """
    state = load_checkpoint(path)
    _, form = _find_tensors(state, path)
    trained = levels_of(state, path)
    if levels not in (None, trained):
        raise InputError(
            f"{path} was trained with --levels {trained}, so it cannot be used with --levels "
            f"{levels}; leave --levels out, or give weights that run_train.py --levels {levels} "
            "has made"
        )
    model = DeepFuse(form is Form.ORIGINAL) if trained == 1 else DeepFusePyramid(trained)
    load_into(model, state, path)
    return model.eval(), form


def levels_of(state: Mapping[str, Any], path: Path) -> int:
    """Return for how many levels of a pyramid weights were trained, 1 if nothing is recorded.

    Raises:
        InputError: what is recorded is no number of levels.
    """
    records = [state.get("about"), state.get("arguments")]  # of safetensors and of a checkpoint
    found = [each["levels"] for each in records if isinstance(each, Mapping) and "levels" in each]
    if not found:
        return 1
    if str(found[0]) not in map(str, LEVELS):
        raise InputError(
            f"{path} records {found[0]!r} levels; run_train.py makes 1 to {LEVELS[-1]}"
        )
    return int(found[0])


def load_into(model: nn.Module, state: Mapping[str, Any], path: Path) -> Form:
    """Copy weights in any of the forms into a network and return the form.

    Raises:
        InputError: the weights are not DeepFuse's.
    """
    tensors, form = _find_tensors(state, path)
    own = model.state_dict()
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in own.items()}:
        raise InputError(f"{path} is not DeepFuse's: {summary_of(state)}")
    copy_weights(own, tensors, path)
    return form


def _find_tensors(state: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], Form]:
    """Return the network's tensors under our names, and their form."""
    inner = state["model"] if isinstance(state.get("model"), Mapping) else state
    tensors = tensors_of(inner)
    if "conv1.0.weight" in tensors:
        return tensors, Form.OURS
    if "layer1.layer.1.running_mean" not in tensors:
        raise InputError(f"{path} is not DeepFuse's: {summary_of(state)}")
    folded: dict[str, Tensor] = {}
    for number, layer in enumerate(ORIGINAL_LAYERS, start=1):
        try:
            weight, bias = _folded(tensors, layer)
        except KeyError as error:
            raise InputError(f"{path} is not DeepFuse's: it lacks {error}") from error
        except (IndexError, RuntimeError, TypeError) as error:  # shapes or types do not fit
            raise InputError(f"{path} is not DeepFuse's: {summary_of(state)}") from error
        folded |= {f"conv{number}.0.weight": weight, f"conv{number}.0.bias": bias}
    return folded, Form.ORIGINAL


def _folded(tensors: Mapping[str, Tensor], layer: str) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution that includes its batch normalization."""
    conv, norm = f"{layer}.layer.0", f"{layer}.layer.1"
    spread = (tensors[f"{norm}.running_var"] + BATCH_NORM_EPS).sqrt()
    factor = tensors[f"{norm}.weight"] / spread
    centered = tensors[f"{conv}.bias"] - tensors[f"{norm}.running_mean"]
    if not tensors[f"{conv}.weight"].is_floating_point():
        raise TypeError("weights are floating-point numbers")
    weight = tensors[f"{conv}.weight"] * factor[:, None, None, None]
    return weight, centered * factor + tensors[f"{norm}.bias"]
