"""How much information a source has: gradients of VGG16's features.

U2Fusion, "Information measurement" and "Information preservation degree":

    g = mean over five layers of the mean of ||Laplacian(features)||^2
    omega = softmax(g_1 / c, ..., g_N / c)

The constants c fit features of the original network, whose inputs are in 0-255 minus a mean.
`python -m utils.vgg --stand_in FILE` writes a small network of random weights for trials.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG16_Weights
from torchvision.models.vgg import cfgs, make_layers

from utils.common.checkpoint import (
    UNREADABLE,
    copy_weights,
    load_checkpoint,
    save_weights,
    tensors_of,
)
from utils.common.flags import FlagParser, positive_float
from utils.util_device import memory_format
from utils.utils import InputError, run_main

SIDE = 224  # side of the network's input, pixels
WIDEST = 512  # greatest number of channels of a layer
TAPS = (3, 8, 15, 22, 29)  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3 in torchvision's features
CHUNK = 8  # images that go through the network at once
C = {
    "ivif": 3000.0,
    "mef": 3500.0,
    "mff": 100.0,
}  # the paper's; the official code has 3200 for ivif

# Mean and standard deviation that each published network subtracts from and divides its three input
# channels by, for images in [0, 1].
PUBLISHED = {
    "features": VGG16_Weights.IMAGENET1K_FEATURES,
    "imagenet": VGG16_Weights.IMAGENET1K_V1,
}
STATISTICS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    **{name: (w.transforms().mean, w.transforms().std) for name, w in PUBLISHED.items()},
    "caffe": ([103.939 / 255, 116.779 / 255, 123.68 / 255], [1 / 255] * 3),  # B, G, R
}
CONVENTIONS = ("features", "caffe", "imagenet")
CAFFE_BIASES = (
    0.7344,
    0.0934,
    0.0677,
    0.8862,
)  # the first biases of conv1_1 tell published networks apart
IMAGENET_BIASES = (0.4034, 0.3778, 0.4644, -0.3228)
REFERENCE_INFORMATION = 17765.5  # g of `calibration_image`, measured with the original network
MAX_FACTOR = 3.0  # weights for inputs of the original scale differ from that by a smaller factor


class VGG16(nn.Module):
    """The convolutions of VGG16 and the scaling of their input.

    Args:
        tensors: `features.N.weight` and `.bias` as torchvision names them.
        convention: One of `CONVENTIONS`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], convention: str) -> None:
        super().__init__()
        biases = (name for name in tensors if name.endswith("bias"))
        in_order = sorted(biases, key=lambda name: int(name.split(".")[1]))
        widths = iter(len(tensors[name]) for name in in_order)
        config = [step if step == "M" else next(widths) for step in cfgs["D"]]
        self.features = make_layers(config, batch_norm=False)[: TAPS[-1] + 1]
        self.load_state_dict({name: value.float() for name, value in tensors.items()})
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in STATISTICS[convention])
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, luma: Tensor) -> list[Tensor]:
        """Return the features of lumas in [0, 1], (B, 1, H, W), after each of the layers `TAPS`."""
        x = (luma - self.mean) / self.std  # (B, 3, H, W)
        x = x.contiguous(memory_format=memory_format(luma.device))
        found = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                found.append(x)
        return found


class InformationMeasure:
    """The weights omega of sources, from the information that VGG16's features measure.

        omega = InformationMeasure.load()(sources, C["ivif"])

    Attributes:
        vgg: The network.
        scale: Factor on c for weights whose features have another scale.
        name: Origin of the weights, for messages.
    """

    def __init__(self, vgg: VGG16, scale: float = 1.0, name: str = "VGG16") -> None:
        self.vgg = vgg
        self.scale = scale
        self.name = name

    @classmethod
    def load(cls, path: Path | None = None, convention: str = "features") -> "InformationMeasure":
        """Read the weights and check that they fit the convention.

        Args:
            path: A local file. None means torchvision's weights, which it downloads once.
            convention: `features` (R, G, B in 0-255 minus the mean: torchvision's
                `IMAGENET1K_FEATURES`), `caffe` (B, G, R in 0-255 minus the mean: the original) or
                `imagenet` (normalized R, G, B: `IMAGENET1K_V1`, whose smaller features scale c).

        Raises:
            InputError: there are no weights, or they are not VGG16's or of another convention.
        """
        name = str(path) if path else f"torchvision's {PUBLISHED.get(convention)}"
        state = load_checkpoint(path) if path else _download(convention)
        tensors = {k: v for k, v in tensors_of(state).items() if k.startswith("features.")}
        try:
            if any(max(value.shape) > WIDEST for value in tensors.values()):
                raise ValueError(f"no layer of VGG16 has more than {WIDEST} channels")
            vgg = VGG16(tensors, convention)
        except (LookupError, RuntimeError, StopIteration, TypeError, ValueError) as error:
            raise InputError(f"{name} does not hold VGG16's features (--vgg_weights)") from error
        copy_weights(vgg.state_dict(), tensors, name)  # checks types and values
        factor = float(information(vgg, calibration_image())) / REFERENCE_INFORMATION
        if not 0 < factor < math.inf:
            raise InputError(f"{name} cannot be used: its features have no finite information")
        check_convention(tensors, convention, factor, name)
        about = state.get("about")
        seed = about.get("stand_in") if isinstance(about, Mapping) else None
        name = f"{name}, a stand-in of random weights (seed {seed})" if seed else name
        return cls(vgg, factor if convention == "imagenet" else 1.0, name)

    def to(self, device: torch.device) -> "InformationMeasure":
        """Move the network to a device and return self."""
        self.vgg.to(device).to(memory_format=memory_format(device))
        return self

    @torch.no_grad()
    def __call__(self, sources: Tensor, c: float) -> Tensor:
        """Return omega of lumas in [0, 1]: (B, N, H, W) to (B, N), with sum 1 over N."""
        lumas = sources.flatten(0, 1).unsqueeze(1)  # (B N, 1, H, W)
        found = torch.cat([information(self.vgg, part) for part in lumas.split(CHUNK)])
        return (found.view(sources.shape[:2]) / (c * self.scale)).softmax(dim=1)


def laplacian(features: Tensor) -> Tensor:
    """Return the mean of the eight neighbors minus the center of each value, (B, K, h, w).

    Maps are padded with zeros, as in the official code.
    """
    channels = features.shape[1]
    kernel = features.new_full((channels, 1, 3, 3), 1 / 8)
    kernel[..., 1, 1] = -1
    return F.conv2d(features, kernel, padding=1, groups=channels)


def information(vgg: VGG16, luma: Tensor) -> Tensor:
    """Return g of each luma in [0, 1], (B, 1, H, W) to (B,).

    Lumas are scaled to 224x224 by nearest neighbor, as in the official code.
    """
    scaled = F.interpolate(luma, (SIDE, SIDE), mode="nearest")
    parts = [laplacian(maps).float().square().mean(dim=(1, 2, 3)) for maps in vgg(scaled)]
    return torch.stack(parts).mean(dim=0)


def calibration_image() -> Tensor:
    """Return gratings of six scales, (1, 1, H, W), whose g shows the scale of VGG16's features."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    image = torch.full((SIDE, SIDE), 0.5)
    for level in range(6):
        angle = torch.tensor(0.7 * level)
        wave = torch.sin((x * angle.cos() + y * angle.sin()) * (torch.pi / 2**level))
        image += 0.08 * wave.sign() * wave.abs().sqrt()
    return image.clamp(0, 1)[None, None]


def check_convention(
    tensors: Mapping[str, Tensor], convention: str, factor: float, name: str
) -> None:
    """Refuse weights that are known to be of another convention, or measure as if they were.

    Args:
        tensors: VGG16's tensors, `features.*`.
        convention: The convention that was asked for.
        factor: g of `calibration_image` with these weights, relative to the original network's.
        name: Origin of the weights, for the message.

    Raises:
        InputError: the weights fit another convention, which the message names.
    """
    fits = _recognize(tensors)
    if fits is None and convention == "imagenet" and factor > 1 / MAX_FACTOR:
        fits = "features"
    if fits is None and convention != "imagenet" and not 1 / MAX_FACTOR < factor < MAX_FACTOR:
        fits = "imagenet"
    if fits not in (None, convention):
        raise InputError(
            f"{name} does not fit --vgg_convention {convention}: its features measure "
            f"{factor:.3g} times what the original network's do; try --vgg_convention {fits}"
        )


def _recognize(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the convention of a published network, or None if the weights are of another one."""
    biases, kernels = tensors["features.0.bias"].float(), tensors["features.0.weight"].float()

    def are(known: Sequence[float]) -> bool:
        first = biases[: len(known)]
        return len(first) == len(known) and torch.allclose(first, torch.tensor(known), atol=1e-3)

    if are(IMAGENET_BIASES):
        return "imagenet"
    if not are(CAFFE_BIASES):
        return None
    energy = kernels.square().sum(dim=(0, 2, 3))
    return (
        "caffe" if energy[0] < energy[2] else "features"
    )  # red kernels have more energy than blue ones


def _download(convention: str) -> Mapping[str, Any]:
    if convention not in PUBLISHED:
        raise InputError(f"--vgg_convention {convention} needs a local file (--vgg_weights)")
    weights = PUBLISHED[convention]
    try:
        return weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except UNREADABLE as error:
        raise InputError(
            f"VGG16's weights cannot be loaded: {error}; fetch {weights.url} on a machine with "
            "a network and give it as --vgg_weights, or run `python -m utils.vgg --stand_in "
            "FILE` for a trial with random weights, whose results mean nothing"
        ) from error


def add_vgg_flags(parser: FlagParser) -> None:
    """Add the flags of `InformationMeasure.load`, and c of each task."""
    parser.add_flag_group("VGG16").add_argument(
        "--vgg_weights", type=Path, help="file of VGG16's weights (default: torchvision's)"
    )
    group = parser.add_flag_group("information", rare=True)
    group.add_argument(
        "--vgg_convention",
        choices=CONVENTIONS,
        default="features",
        help="inputs of these weights: R, G, B in 0-255 minus the mean (torchvision's "
        "IMAGENET1K_FEATURES), B, G, R in 0-255 minus the mean (the original), or normalized "
        "R, G, B (IMAGENET1K_V1, which scales c)",
    )
    for task, c in C.items():
        group.add_argument(
            f"--c_{task}", type=positive_float, default=c, help=f"constant c of the task {task}"
        )


def make_stand_in(path: Path, seed: int = 0, narrower: int = 8) -> None:
    """Save a narrower VGG16 of random weights that measures information on the original's scale."""
    generator = torch.Generator().manual_seed(seed)
    config = [step if isinstance(step, str) else step // narrower for step in cfgs["D"]]
    layers = make_layers(config, batch_norm=False)[: TAPS[-1] + 1]
    for name, value in layers.named_parameters():
        fan_in = value[0].numel()
        spread = (2 / fan_in) ** 0.5 if name.endswith("weight") else 0.0
        value.data = spread * torch.randn(value.shape, generator=generator)
    tensors = {f"features.{name}": value for name, value in layers.state_dict().items()}
    found = float(information(VGG16(tensors, "features"), calibration_image()))
    layers[0].weight.data *= (
        REFERENCE_INFORMATION / found
    ) ** 0.5  # all features are linear in this weight
    save_weights(path, nn.ModuleDict({"features": layers}), {"stand_in": str(seed)})


def main(args: argparse.Namespace) -> None:
    """Write a stand-in for VGG16."""
    make_stand_in(args.stand_in, args.seed)
    print(f"A stand-in for VGG16, of random weights: {args.stand_in}")


if __name__ == "__main__":
    flags = FlagParser(description="Write a stand-in for VGG16, of random weights.")
    flags.add_argument(
        "--stand_in", type=Path, required=True, help="write the weights to this .safetensors file"
    )
    flags.add_argument("--seed", type=int, default=0, help="seed of the weights")
    run_main(main, flags.parse_args())
