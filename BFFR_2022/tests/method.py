"""What is BFFR's own in the tests: its networks and labeled pairs."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from models.TransFuser6 import TransFuser6
from tests.helpers import put, put_pair

if TYPE_CHECKING:
    from mmseg.models import EncoderDecoder

NAME = "BFFR"
FOLDER_NAME = "BFFR_2022"
BRIEF = (  # shortens a training on the demo
    "--stage", 1, "--stage1_iters", 1, "--warmup_iters", 1, "--crop_size", 64, 64,
)  # fmt: skip
EXPORTS: dict[str, dict[str, bool]] = {  # flags of run_export.py, and of `ImageFusion`
    "": {},
    "--authors_quirks": {"authors_quirks": True},
}
EXPORTED = {  # some of the metadata of the first one
    "sources": "vis ir", "channels": "1", "luma": "0.299 0.587 0.114", "order": "given",
    "tiles": "whole", "receptive_radius": "80", "stride": "8", "min_side": "16",
}  # fmt: skip


def build(channels: int = 1) -> TransFuser6:
    """Return a fresh network."""
    assert channels == 1
    return TransFuser6()


def near_identity(channels: int = 1, noise: float = 0.1) -> TransFuser6:
    """Return a network whose output grows with the mean of its sources and uses all weights.

    Every convolution passes its first channel on. Weights of attention are drawn at full scale,
    so that its sums over pixels matter.
    """
    model = build(channels)
    generator = torch.Generator().manual_seed(channels)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                _draw(name, value, torch.randn(value.shape, generator=generator), noise)
        model.conv_out.conv2d.weight[0, 0] += 1  # tanh(2 x - 1)
        model.conv_out.conv2d.bias.sub_(1)
    return model.eval()


def _draw(name: str, value: Tensor, drawn: Tensor, noise: float) -> None:
    if value.ndim > 1:
        own = ".attn" not in name
        value.copy_((noise if own else 1) * value[0].numel() ** -0.5 * drawn)
        if own:
            value[0, 0, value.shape[2] // 2, value.shape[3] // 2] += 1
    elif name.endswith(("norm.weight", "norm1.weight", "running_var")):
        value.copy_(1 + 0.3 * drawn.tanh())
    else:
        value.copy_(0.1 * drawn)


def random_segmenter(seed: int = 0, classes: int = 9) -> "EncoderDecoder":
    """Return a SegFormer-B0 that finds several classes, in evaluation mode; needs mmseg."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from utils.util_mmengine import STAGE2, load_config

    config = load_config(STAGE2)
    init_default_scope("mmseg")
    config.model.update(fusion="visible", pretrained_fuser=None, pretrained_segmenter=None)
    config.model.decode_head.num_classes = classes
    torch.manual_seed(seed)
    model = MODELS.build(config.model)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:
                value.add_(0.1 * torch.randn(value.shape))
            elif name.endswith("conv_seg.weight"):
                value.copy_(torch.randn(value.shape))
    return model.eval()


def put_labeled_set(
    folder: Path,
    train: tuple[str, ...] = ("a", "b"),
    val: tuple[str, ...] = ("c",),
    size: tuple[int, int] = (33, 47),
) -> Path:
    """Write `vis/`, `ir/` and `labels/` (ids 0 to 3) with a list for each split."""
    for number, stem in enumerate((*train, *val)):
        put_pair(folder, stem, number, size=size)
        rows, columns = np.indices(size)
        squares = (rows // 8 + columns // 8 + number) % 4
        put(folder / "labels" / f"{stem}.png", squares.astype(np.uint8))
    for split, stems in (("train", train), ("val", val), ("test", val)):
        (folder / f"{split}.txt").write_text("\n".join(stems) + "\n", encoding="utf-8")
    return folder
