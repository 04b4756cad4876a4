"""NestFuse written out plainly, under the parameter names of the authors' files.

Nothing of the code under test is used. Images are (B, C, H, W) in 0-255, every convolution has
reflect padding and ends in a ReLU, as in the authors' code.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCKS = {  # input and output channels: encoder and decoder blocks by row and column of Fig. 2
    "DB1_0": (16, 64),
    "DB2_0": (64, 112),
    "DB3_0": (112, 160),
    "DB4_0": (160, 208),
    "DB1_1": (176, 64),
    "DB2_1": (272, 112),
    "DB3_1": (368, 160),
    "DB1_2": (240, 64),
    "DB2_2": (384, 112),
    "DB1_3": (304, 64),
}
PLAIN = ("conv_out",)  # the head of models/nestfuse_1e2.model
DEEP = ("conv1", "conv2", "conv3")  # the heads of models/nestfuse_1e2_deep_super.model


def parameter_shapes(heads: tuple[str, ...], channels: int = 1) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every parameter in an authors' file."""
    kernels = {"conv0": (16, channels, 1, 1)}
    for name, (inputs, outputs) in BLOCKS.items():
        kernels[f"{name}.denseblock.0"] = (inputs // 2, inputs, 3, 3)
        kernels[f"{name}.denseblock.1"] = (outputs, inputs // 2, 1, 1)
    kernels |= dict.fromkeys(heads, (channels, 64, 1, 1))
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in kernels.items():
        shapes[f"{name}.conv2d.weight"] = shape
        shapes[f"{name}.conv2d.bias"] = shape[:1]
    return shapes


def random_state(heads: tuple[str, ...], channels: int = 1) -> dict[str, Tensor]:
    """Return random weights under the authors' names that keep the size of what goes through."""
    generator = torch.Generator().manual_seed(len(heads))
    state = {}
    for name, shape in parameter_shapes(heads, channels).items():
        spread = (2 / torch.Size(shape[1:]).numel()) ** 0.5 if len(shape) == 4 else 20
        state[name] = spread * torch.randn(shape, generator=generator)
    return state


def encode(state: Mapping[str, Tensor], image: Tensor) -> list[Tensor]:
    """Return the maps of the four scales, each pooled by the maximum of 2x2 squares."""
    maps = [_block(state, "DB1_0", _layer(state, "conv0", image))]
    for row in (2, 3, 4):
        squares = maps[-1].unfold(2, 2, 2).unfold(3, 2, 2)  # (B, C, H/2, W/2, 2, 2)
        maps.append(_block(state, f"DB{row}_0", squares.amax(dim=(4, 5))))
    return maps


def decode(state: Mapping[str, Tensor], maps: list[Tensor]) -> list[Tensor]:
    """Return the image of every head, the finest last."""
    x10, x20, x30, x40 = maps
    x11 = _block(state, "DB1_1", torch.cat([x10, _double(x20, x10)], dim=1))
    x21 = _block(state, "DB2_1", torch.cat([x20, _double(x30, x20)], dim=1))
    x31 = _block(state, "DB3_1", torch.cat([x30, _double(x40, x30)], dim=1))
    x12 = _block(state, "DB1_2", torch.cat([x10, x11, _double(x21, x10)], dim=1))
    x22 = _block(state, "DB2_2", torch.cat([x20, x21, _double(x31, x20)], dim=1))
    x13 = _block(state, "DB1_3", torch.cat([x10, x11, x12, _double(x22, x10)], dim=1))
    if "conv_out.conv2d.weight" in state:
        return [_layer(state, "conv_out", x13)]
    return [_layer(state, head, x) for head, x in zip(DEEP, (x11, x12, x13), strict=True)]


def _layer(state: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.conv2d.weight"], state[f"{name}.conv2d.bias"]
    margin = weight.shape[2] // 2
    x = F.pad(x, (margin, margin, margin, margin), mode="reflect")
    return F.conv2d(x, weight, bias).relu()


def _block(state: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return _layer(state, f"{name}.denseblock.1", _layer(state, f"{name}.denseblock.0", x))


def _double(x: Tensor, wanted: Tensor) -> Tensor:
    """Repeat every value twice along both axes; an odd last row or column is reflected."""
    x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    below, right = (wanted.shape[axis] - x.shape[axis] for axis in (2, 3))
    return F.pad(x, (0, right, 0, below), mode="reflect")
