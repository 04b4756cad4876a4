"""Load the weights of fuser and segmenter in the forms in which they are published.

- This repository's: safetensors, one file for the fuser and one for the segmenter.
- A checkpoint of mmengine, or the authors' `bffr.pth`: a `state_dict` with the prefixes `fuser.`,
  `backbone.` and `decode_head.`; in stage 1 the fuser's names without a prefix.
- `mit_b0.pth`: the segmenter's backbone, under the names of SegFormer's authors or of
  mmsegmentation.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.TransFuser6 import TransFuser6
from utils.common.checkpoint import copy_weights, load_checkpoint, summary_of, tensors_of
from utils.utils import InputError

LINKS = {  # from the README of https://github.com/wyh1210/BFFR
    "bffr.pth": "https://drive.google.com/file/d/1BhkaEmb9AipI2Ib7pjSw1zwWoSy86X00/view",
    "mit_b0.pth": "https://drive.google.com/file/d/1zhcQCl7-lIQh0sTGorhDJDo5kv9fBlGs/view",
}
OURS = "the fuser alone"
JOINT = "fuser and segmenter"
UNUSED = re.compile(
    r"(conv1_|DB|conv_out).*\.bn\."
)  # batch norms that the official code never calls
MIT_LAYER = re.compile(r"(patch_embed|block|norm)([1-4])\.(.+)")
MIT_PARTS = {  # within a block: the name of SegFormer's authors and that of mmsegmentation
    "attn.proj.": "attn.attn.out_proj.",
    "attn.q.": "attn.attn.in_proj_",
    "mlp.fc1.": "ffn.layers.0.",
    "mlp.dwconv.dwconv.": "ffn.layers.1.",
    "mlp.fc2.": "ffn.layers.4.",
}


def part_of(checkpoint: Path, part: str) -> Path:
    """Return where a part (`fuser` or `segmenter`) is: in `checkpoint`, or in a folder of both.

    A run has a file for each part, `weights/` a folder.
    """
    if not checkpoint.is_dir():
        return checkpoint
    folder = checkpoint / part
    return folder if folder.is_dir() else checkpoint / f"{part}.safetensors"


def load_model(path: Path) -> tuple[TransFuser6, str]:
    """Return the fuser in a weights file, in evaluation mode, and what the file holds.

    Raises:
        InputError: the file is unreadable or has no fuser of BFFR.
    """
    model = TransFuser6()
    form = load_fuser(model, path)
    return model.eval(), form


def load_fuser(model: TransFuser6, path: Path) -> str:
    """Copy the fuser in a file into a network, and return what the file holds.

    Raises:
        InputError: the file is unreadable or has no fuser of BFFR.
    """
    state = _read(path)
    found = fuser_of(state)
    own = model.state_dict()
    if {name: v.shape for name, v in found.items()} != {name: v.shape for name, v in own.items()}:
        kind = "a segmenter, not a fuser" if segmenter_of(state) else "not BFFR's"
        raise InputError(f"{path} is {kind}: {summary_of(state)}")
    copy_weights(own, found, path)
    return JOINT if len(state) > len(found) and segmenter_of(state) else OURS


def fuser_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the fuser's tensors in a `state_dict`; empty if there are none."""
    found = _below("fuser.", state) or (dict(state) if "conv1_vi.conv2d.weight" in state else {})
    return {name: value for name, value in found.items() if not UNUSED.match(name)}


def segmenter_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the segmenter's tensors in a `state_dict`; empty if there are none."""
    return {n: v for n, v in state.items() if n.startswith(("backbone.", "decode_head."))}


def load_segmenter(model: nn.Module, path: Path, whole: bool = False) -> list[str]:
    """Copy the segmenter in a file into a network.

    Args:
        model: mmsegmentation's EncoderDecoder with a SegFormer-B0.
        path: A file with a segmenter or with its backbone.
        whole: Require the backbone and the whole head. Otherwise only the backbone is required,
            and layers of the head that are missing or of another shape keep their values, such as
            the last layer of a segmenter for other classes.

    Returns:
        The names of the parameters that kept their values.

    Raises:
        InputError: the file is unreadable or lacks what is required.
    """
    state = _read(path)
    try:
        backbone = from_segformer(_below("backbone.", state) or state)
    except (IndexError, RuntimeError, TypeError) as error:  # shapes or types do not fit
        raise InputError(f"{path} does not hold a SegFormer-B0: {summary_of(state)}") from error
    found = {f"backbone.{name}": value for name, value in backbone.items()}
    found |= {name: value for name, value in state.items() if name.startswith("decode_head.")}
    own = {n: v for n, v in model.state_dict().items() if n.startswith(("backbone", "decode_head"))}
    fitting = {n: v for n, v in found.items() if n in own and v.shape == own[n].shape}
    missing = [name for name in own if name not in fitting]
    if (whole and missing) or any(name.startswith("backbone.") for name in missing):
        part = "segmenter" if whole else "backbone"
        raise InputError(
            f"{path} does not hold a SegFormer-B0 {part} for this model, {missing[0]} is missing "
            f"or of another size: {summary_of(state)}"
        )
    copy_weights({name: own[name] for name in fitting}, fitting, path)
    return missing


def from_segformer(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a backbone's tensors under mmsegmentation's names; such names are kept."""
    renamed = {}
    for name, value in state.items():
        match = MIT_LAYER.fullmatch(name)
        if match is None:
            renamed[name] = value
            continue
        kind, number, rest = match.groups()
        scale = f"layers.{int(number) - 1}"
        if kind == "patch_embed":
            renamed[f"{scale}.0.{rest.replace('proj.', 'projection.')}"] = value
        elif kind == "norm":
            renamed[f"{scale}.2.{rest}"] = value
        elif ".attn.kv." not in rest:  # `_block_part` joins k and v to q
            renamed.update(_block_part(f"{scale}.1.", rest, value, state, name))
    return renamed


def _block_part(
    prefix: str, rest: str, value: Tensor, state: Mapping[str, Tensor], name: str
) -> dict[str, Tensor]:
    """Return one tensor of a transformer block under mmsegmentation's name."""
    if ".attn.q." in rest:
        value = torch.cat([value, state.get(name.replace(".attn.q.", ".attn.kv."), value[:0])])
    elif ".mlp.fc" in rest and value.ndim == 2:
        value = value[..., None, None]  # mmsegmentation has 1x1 convolutions
    for theirs, ours in MIT_PARTS.items():
        rest = rest.replace(f".{theirs}", f".{ours}")
    return {prefix + rest: value}


def _read(path: Path) -> dict[str, Tensor]:
    """Return a file's tensors.

    Raises:
        InputError: the file is unreadable or missing; the message links the authors' files.
    """
    if not path.exists():
        links = ", ".join(f"{name} at {link}" for name, link in LINKS.items())
        raise InputError(
            f"no such file: {path}; the authors have {links}, and weights/ of the method's folder "
            "holds this repository's own"
        )
    return state_dict_of(load_checkpoint(path))


def state_dict_of(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the networks' tensors in a loaded file, without the file's other entries."""
    inner = next(
        (state[n] for n in ("state_dict", "model") if isinstance(state.get(n), dict)), state
    )
    return tensors_of(inner)


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
