"""DeepFuse's weights in the forms in which they are published.

- ours: a state_dict of `models.DeepFuse`, as safetensors or in a run's checkpoint;
- original: the original repository's (Cat2eacher/Image-Fusion), convolutions each followed by batch
  normalization, `layer1` to `layer6` under `model`. When images are fused, that normalization is a
  factor and an offset for each channel, which are folded into the convolution.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from models.DeepFuse import DeepFuse
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
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


def load_model(path: Path) -> tuple[DeepFuse, Form]:
    """Return the network of a weights file in evaluation mode, and the form of the file.

    Raises:
        InputError: the file is unreadable, or its weights are not DeepFuse's.
    """
    state = load_checkpoint(path)
    _, form = _find_tensors(state, path)
    model = DeepFuse(original=form is Form.ORIGINAL)
    load_into(model, state, path)
    return model.eval(), form


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
