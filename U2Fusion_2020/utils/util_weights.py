"""U2Fusion's weights in the forms in which they are published.

- ours: a state_dict of `models.DenseNet`, as safetensors or in a run's checkpoint;
- official: the variables of the authors' TensorFlow checkpoint (hanna-xu/U2Fusion) by name, as
  `.npz`; kernels are (H, W, in, out), and the dense block puts the newest features first.
"""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.DenseNet import GROWTH, DenseNet
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.utils import InputError

ENCODER, DECODER = "Generator/encoder", "Generator_1/decoder"
OFFICIAL_LAYERS = {
    "conv1": f"{ENCODER}/conv1_1",
    **{f"dense.{n}": f"{ENCODER}/dense_block_conv{n + 1}" for n in range(5)},
    **{f"decoder.{n}": f"{DECODER}/conv2_{n + 1}" for n in range(3)},
    "conv_out": f"{DECODER}/conv2_4",
}
NEWEST_FIRST = [name for name in OFFICIAL_LAYERS if name.startswith("dense")] + ["decoder.0"]


class Form(str, Enum):
    """The form of a weights file; its value is what messages call it."""

    OURS = "this repository's layout"
    OFFICIAL = "the official TensorFlow layout"

    def __str__(self) -> str:
        """Return what messages call the form."""
        return self.value


def load_model(path: Path) -> tuple[DenseNet, Form]:
    """Return the network of a weights file in evaluation mode, and the form of the file.

    Raises:
        InputError: the file is unreadable, or its weights are not U2Fusion's.
    """
    model = DenseNet()
    form = load_into(model, load_checkpoint(path), path)
    return model.eval(), form


def load_into(model: nn.Module, state: Mapping[str, Any], path: Path) -> Form:
    """Copy weights in either form into a network and return the form.

    Raises:
        InputError: the weights are not U2Fusion's.
    """
    inner = state["model"] if isinstance(state.get("model"), Mapping) else state
    tensors = tensors_of(inner)
    form = Form.OFFICIAL if f"{ENCODER}/conv1_1/kernel" in tensors else Form.OURS
    own = model.state_dict()
    try:
        tensors = _from_official(tensors) if form is Form.OFFICIAL else tensors
        fits = {k: v.shape for k, v in tensors.items()} == {k: v.shape for k, v in own.items()}
    except (KeyError, RuntimeError):
        fits = False
    if not fits:
        raise InputError(f"{path} is not U2Fusion's: {summary_of(state)}")
    copy_weights(own, tensors, path)
    return form


def _from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the official variables as PyTorch's, under our names."""
    found: dict[str, Tensor] = {}
    for ours, theirs in OFFICIAL_LAYERS.items():
        weight = tensors[f"{theirs}/kernel"].permute(3, 2, 0, 1)  # (out, in, H, W)
        if ours in NEWEST_FIRST:
            blocks = weight.split(GROWTH, dim=1)
            weight = torch.cat(blocks[::-1], dim=1)
        found |= {f"{ours}.weight": weight, f"{ours}.bias": tensors[f"{theirs}/bias"]}
    return found
