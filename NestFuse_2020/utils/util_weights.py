"""NestFuse's weights in the forms in which they are published.

- ours: a state_dict of `models.NestFuse_2020`, as safetensors or in a run's checkpoint;
- authors: hli1221/imagefusion-nestfuse's `models/nestfuse_1e2.model`, with the head `conv_out`, and
  `models/nestfuse_1e2_deep_super.model`, with the heads `conv1`, `conv2` and `conv3`. They are for
  images in 0-255 and have a ReLU after the last layer. Dividing the biases by 255 makes the same
  function of images in [0, 1].

The tensors show how many channels and outputs a network has.
"""

import itertools
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.NestFuse_2020 import NestFuse
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.utils import InputError

AUTHORS_BLOCK = re.compile(r"DB([1-4])_([0-3])\.denseblock\.([01])\.conv2d\.(weight|bias)")
AUTHORS_LAYER = re.compile(r"(conv0|conv_out|conv[123])\.conv2d\.(weight|bias)")


class Form(str, Enum):
    """The form of a weights file; its value is what messages call it."""

    OURS = "this repository's layout"
    AUTHORS = "the authors' layout, 0-255 input, ReLU on the last layer"

    def __str__(self) -> str:
        """Return what messages call the form."""
        return self.value


def load_model(path: Path) -> tuple[NestFuse, Form]:
    """Return the network of a weights file in evaluation mode, and the form of the file.

    Raises:
        InputError: the file is unreadable, or its weights are not NestFuse's.
    """
    state = load_checkpoint(path)
    tensors, form = _find_tensors(state, path)
    stem = tensors.get("encoder.conv.0.weight")
    if stem is None or stem.ndim != 4 or stem.shape[1] not in (1, 3):
        raise InputError(f"{path} is not NestFuse's: {summary_of(state)}")
    model = NestFuse(
        stem.shape[1],
        deep_supervision="decoder.outputs.2.0.weight" in tensors,
        output_relu=form is Form.AUTHORS,
    )
    load_into(model, state, path)
    return model.eval(), form


def load_into(model: NestFuse, state: Mapping[str, Any], path: Path) -> Form:
    """Copy weights in any of the forms into a network and return the form.

    Raises:
        InputError: the weights are not NestFuse's, or for another number of channels or outputs.
    """
    tensors, form = _find_tensors(state, path)
    own = model.state_dict()
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    for settings in itertools.product((1, 3), (False, True)):
        with torch.device("meta"):  # shapes alone
            other = NestFuse(*settings)
        if {name: tuple(value.shape) for name, value in other.state_dict().items()} == shapes:
            _check_same_kind(_kind(other), _kind(model), path)
    if shapes != {name: tuple(value.shape) for name, value in own.items()}:
        raise InputError(f"{path} is not NestFuse's: {summary_of(state)}")
    copy_weights(own, tensors, path)
    for name, target in own.items():
        if form is Form.AUTHORS and name.endswith("bias"):
            target /= 255
    return form


def from_authors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the authors' tensors under our names; the values stay as they are."""
    renamed = {}
    for name, value in state.items():
        if block := AUTHORS_BLOCK.fullmatch(name):
            row, column, layer, kind = block.groups()
            half = "encoder.ecb" if column == "0" else "decoder.dcb"
            renamed[f"{half}{row}{column}.{layer}.0.{kind}"] = value
        elif layer_match := AUTHORS_LAYER.fullmatch(name):
            layer, kind = layer_match.groups()
            number = {"conv_out": 0, "conv1": 0, "conv2": 1, "conv3": 2}.get(layer)
            where = "encoder.conv" if number is None else f"decoder.outputs.{number}"
            renamed[f"{where}.0.{kind}"] = value
        else:
            renamed[name] = value
    return renamed


def _find_tensors(state: Mapping[str, Any], path: Path) -> tuple[dict[str, Tensor], Form]:
    """Return the network's tensors under our names, and their form."""
    inner = state["model"] if isinstance(state.get("model"), Mapping) else state
    tensors = tensors_of(inner)
    if "conv0.conv2d.weight" in tensors:
        return from_authors(tensors), Form.AUTHORS
    if "encoder.conv.0.weight" in tensors:
        return tensors, Form.OURS
    raise InputError(f"{path} is not NestFuse's: {summary_of(state)}")


def _kind(model: NestFuse) -> dict[str, str]:
    """Return the properties of a network, each under the training flag that chooses it."""
    gray, deep = model.channels == 1, len(model.decoder.outputs) > 1
    return {
        "--gray" if gray else "--no-gray": "gray" if gray else "RGB",
        "--deepsupervision" if deep else "--no-deepsupervision": f"{3 if deep else 1}-output",
    }


def _check_same_kind(found: Mapping[str, str], wanted: Mapping[str, str], path: Path) -> None:
    """Refuse a network whose properties, as `_kind` returns them, are not the wanted ones."""
    has = [word for flag, word in found.items() if flag not in wanted]
    asked = [word for flag, word in wanted.items() if flag not in found]
    if has:
        flags = " ".join(flag for flag in found if flag not in wanted)
        raise InputError(
            f"{path} holds a {' '.join(has)} network, but {' '.join(asked)} is asked for: train "
            f"with {flags}, or give other weights"
        )
