"""DenseFuse's weights in the three forms in which they are published.

All hold the same eight convolutions in the same order under different names:

- ours: a state_dict of `models.DenseFuse`, as safetensors or in a run's checkpoint;
- authors: hli1221/densefuse-pytorch's `.model` files, for images in 0-255, with a ReLU after the
  last layer. Dividing the biases by 255 makes the same function of images in [0, 1];
- original: the original repository's (Cat2eacher/Image-Fusion), with `encoder_state_dict` and
  `decoder_state_dict`, or both under `model`, for images in [0, 1].
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from torch import Tensor

from models.DenseFuse import DenseFuse
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.utils import InputError


class Form(str, Enum):
    """The form of a weights file; its value is what messages call it."""

    OURS = "this repository's layout"
    AUTHORS = "the authors' layout, 0-255 input, ReLU on the last layer"
    ORIGINAL = "the original repository's layout, [0, 1] input"

    def __str__(self) -> str:
        """Return what messages call the form."""
        return self.value


def load_model(path: Path) -> tuple[DenseFuse, Form]:
    """Return the network of a weights file in evaluation mode, and the form of the file.

    Raises:
        InputError: the file is unreadable, or its weights are not DenseFuse's.
    """
    state = load_checkpoint(path)
    tensors, form = _find_tensors(state, path)
    first = next(iter(tensors.values()), None)
    channels = first.shape[1] if first is not None and first.ndim == 4 else 0
    if channels not in (1, 3):
        raise InputError(f"{path} is not DenseFuse's: {summary_of(state)}")
    model = DenseFuse(channels, output_relu=form is Form.AUTHORS)
    load_into(model, state, path)
    return model.eval(), form


def load_into(model: DenseFuse, state: Mapping[str, Any], path: Path) -> Form:
    """Copy weights in any of the forms into a network and return the form.

    Raises:
        InputError: the weights are not DenseFuse's, or for another number of channels.
    """
    tensors, form = _find_tensors(state, path)
    own = model.state_dict()
    found = [tuple(value.shape) for value in tensors.values()]
    wanted = [tuple(value.shape) for value in own.values()]
    if found == [
        tuple(value.shape) for value in DenseFuse(4 - model.channels).state_dict().values()
    ]:
        has, asked = ("gray", "RGB") if model.channels == 3 else ("RGB", "gray")
        raise InputError(
            f"{path} holds a {has} network, but {asked} is asked for: train with "
            f"{'--gray' if has == 'gray' else '--no-gray'}, fuse with "
            f"--rgb_mode {'luma' if has == 'gray' else 'channels'}, or give other weights"
        )
    if found != wanted:
        raise InputError(f"{path} is not DenseFuse's: {summary_of(state)}")
    copy_weights(own, dict(zip(own, tensors.values(), strict=True)), path)
    for name, target in own.items():
        if form is Form.AUTHORS and name.endswith("bias"):
            target /= 255
    return form


def _find_tensors(state: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], Form]:
    """Return the convolutions' tensors in the network's order, and their form."""
    halves = [state.get(f"{half}_state_dict") for half in ("encoder", "decoder")]
    named = [tensors_of(half) for half in halves if isinstance(half, Mapping)]
    if len(named) == 2:  # the two may use the same names
        return {f"{i}.{k}": v for i in (0, 1) for k, v in named[i].items()}, Form.ORIGINAL
    inner = state["model"] if isinstance(state.get("model"), Mapping) else state
    tensors = tensors_of(inner)
    own = list(DenseFuse().state_dict())
    if set(tensors) == set(own):
        return {name: tensors[name] for name in own}, Form.OURS
    if "conv1.conv2d.weight" in tensors:
        return tensors, Form.AUTHORS
    if "encoder.conv.conv2d.weight" in tensors:
        return tensors, Form.ORIGINAL
    raise InputError(f"{path} is not DenseFuse's: {summary_of(state)}")
