"""Measure training iterations and fused pairs a second: `python speed.py` prints JSON."""

import argparse
import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.TransFuser6 import ConvLayer, SelfAttention, TransFuser6
from utils import HERE
from utils.common.speed import Case, make_pair, measure, parse_args
from utils.util_device import keep_freed_memory, memory_format, resolve_device
from utils.util_fusion import ImageFusion
from utils.util_train import STAGE1, STAGE2, load_config
from utils.utils import run_main

if TYPE_CHECKING:
    from mmengine.model import BaseModel

SIZE = (240, 320)
BATCHES = {"stage1": 2, "stage2": 4}
CONFIGS = {"stage1": STAGE1, "stage2": STAGE2}
ABOUT = {
    "method": "BFFR_2022",
    **{f"train_{s}": f"iterations, batch {n}, 240x320, no loading" for s, n in BATCHES.items()},
    "fuse": "pairs, 640x480 gray",
}
STEPS = {"fuse": 1, "train_stage1": 1, "train_stage2": 1}  # a round; memory grows in this order


class PlainAttention(SelfAttention):
    """Attention as it is written: q, k and v are made."""

    def forward(self, x: Tensor, gram: Tensor | None = None) -> Tensor:
        """Return attended features, see `SelfAttention`."""
        tokens = self.tokens(x)  # (B, HW, C)
        q, k, v = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.wq1, self.wk1, self.wv1)
        )  # (B, heads, HW, C / heads)
        context = (q.mT @ k * q.shape[-1] ** -0.5).softmax(dim=-2)
        attended = self.end_proj1((v @ context).transpose(1, 2).flatten(2))
        attended = self.norm1(attended).mT.unflatten(2, x.shape[2:])
        return x + x * self.ffn(attended)


class PlainTransFuser6(TransFuser6):
    """The network as it is drawn: maps are doubled and joined, then convolved."""

    def __init__(self) -> None:
        super().__init__()
        for module in self.modules():
            if isinstance(module, SelfAttention):
                module.__class__ = PlainAttention

    def join(self, layer: ConvLayer, *row: Tensor, below: Tensor) -> Tensor:
        """Return a layer's output, see `TransFuser6.join`."""
        up = F.interpolate(below, scale_factor=2, mode="nearest")
        missing = [row[0].shape[i] - up.shape[i] for i in (3, 2)]  # columns, rows: 0 or 1
        up = F.pad(up, (0, missing[0], 0, missing[1]), mode="reflect")
        return F.leaky_relu(layer(torch.cat([*row, up], dim=1)), 0.01)


def make_batch(count: int) -> dict[str, list[Any]]:
    """Return pairs of noise with labels as mmsegmentation's loaders give them."""
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    generator = torch.Generator().manual_seed(0)
    images, samples = [], []
    for _ in range(count):
        images.append(torch.randint(0, 256, (4, *SIZE), dtype=torch.uint8, generator=generator))
        label = torch.randint(0, 9, (1, *SIZE), generator=generator)
        about = {"img_shape": SIZE, "ori_shape": SIZE, "pad_shape": SIZE}
        sample = SegDataSample(metainfo=about)
        samples.append(sample.set_data({"gt_sem_seg": PixelData(data=label)}) or sample)
    return {"inputs": images, "data_samples": samples}


def build_stage(stage: str) -> tuple["BaseModel", Any]:
    """Return a stage's network and optimiser from its documented config."""
    config = load_config(HERE / CONFIGS[stage])
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    import mmseg_bffr  # noqa: F401 - registers the networks

    init_default_scope("mmseg")
    config.model.data_preprocessor.size = SIZE
    logging.disable(logging.INFO)  # mmengine lists every parameter
    with redirect_stdout(sys.stderr):  # the answers alone go to stdout
        model = MODELS.build(config.model).train()
        return model, build_optim_wrapper(model, config.optim_wrapper)


def training_cases(device: torch.device, plain: bool, bf16: bool) -> dict[str, Case]:
    """Return a training iteration of each stage."""
    cases: dict[str, Case] = {}
    for stage, count in BATCHES.items():
        model, wrapper = build_stage(stage)
        if plain and stage == "stage1":
            _make_plain(model)
        elif plain:
            model.fuser = PlainTransFuser6()
        model.to(device)
        if not plain:
            model.to(memory_format=memory_format(device))
        batch = make_batch(count)
        cases[f"train_{stage}"] = _iteration(model, wrapper, batch, device, bf16)
    return cases


def _make_plain(model: TransFuser6) -> None:
    """Give stage 1's network, which is a TransFuser6, the plain forms of its parts."""
    for module in model.modules():
        if isinstance(module, SelfAttention):
            module.__class__ = PlainAttention
    model.join = PlainTransFuser6.join.__get__(model)  # type: ignore[method-assign]


def _iteration(
    model: "BaseModel", wrapper: Any, batch: dict[str, Any], device: torch.device, bf16: bool
) -> Case:
    def train() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            data = model.data_preprocessor(batch, True)
            losses = model(**data, mode="loss")
        loss, _ = model.parse_losses(losses)
        wrapper.update_params(loss)
        loss.item()

    return train


def our_cases(args: argparse.Namespace) -> Mapping[str, Case]:
    """Return the iterations and the fusion of a pair as they ship."""
    keep_freed_memory()
    device = resolve_device(args.device)
    fusion = ImageFusion(device=args.device, tile=args.tile)
    pair = make_pair()
    cases = training_cases(device, plain=False, bf16=args.precision == "bf16")
    return {**cases, "fuse": lambda: fusion.fuse(pair)}


def plain_cases(args: argparse.Namespace) -> Mapping[str, Case]:
    """Return the same plainly: NCHW, q, k and v, doubled maps, batch norms apart."""
    device = resolve_device(args.device)
    pair = make_pair()
    fuser = PlainTransFuser6().to(device).eval()

    @torch.no_grad()
    def fuse() -> np.ndarray:
        vis, ir = (torch.from_numpy(image).to(device)[None, None] / 255 for image in pair)
        return (fuser(vis, ir)[0, 0].clamp(0, 1) * 255).round().byte().cpu().numpy()

    return {**training_cases(device, plain=True, bf16=False), "fuse": fuse}


def main(args: argparse.Namespace) -> None:
    """Print the figures, or be a child that measures."""
    measure(args, ABOUT, STEPS, our_cases, plain_cases)


if __name__ == "__main__":
    run_main(main, parse_args("Train each stage on 240x320, fuse 640x480 pairs."))
