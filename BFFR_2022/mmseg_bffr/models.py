"""The two networks that are trained: the fuser alone, and the fuser before a segmenter."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor

from configs import FUSIONS
from models.TransFuser6 import TransFuser6
from utils.common.color import luma, recolor
from utils.util_loss import average_loss, correlation_loss
from utils.util_weights import load_fuser, load_segmenter

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of R, G and B
IMAGENET_STD = (0.229, 0.224, 0.225)


def split_pair(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return (B, 3, H, W) and (B, 1, H, W) in [0, 1] of (B, 4, H, W) in 0-255."""
    return inputs[:, :3] / 255, inputs[:, 3:] / 255


def _windows(length: int, window: int, stride: int) -> list[slice]:
    """Return where windows lie along a side; the last one ends with it."""
    last = max(0, length - window)
    starts = [*range(0, last, stride), last]
    return [slice(start, start + min(window, length)) for start in starts]


def _fade(part: Tensor) -> Tensor:
    """Return the weight of each pixel of a window, (H, W): linear to each of its borders."""
    places = (torch.arange(side, device=part.device) + 0.5 for side in part.shape[2:])
    rows, columns = (torch.minimum(place, len(place) - place) for place in places)
    return rows[:, None] * columns


@MODELS.register_module()
class Fuser(TransFuser6, BaseModel):
    """Stage 1, the warm start: TransFuser6 learns the average of its inputs.

    Args:
        data_preprocessor: mmseg's, which makes a batch of (4, H, W) arrays.
        authors_quirks: See `FuserSegmenter`.
    """

    def __init__(self, data_preprocessor: dict, authors_quirks: bool = False) -> None:
        super().__init__()
        self.data_preprocessor = MODELS.build(data_preprocessor)
        self.authors_quirks = authors_quirks

    def forward(  # type: ignore[override] # as mmengine calls it
        self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = "tensor"
    ) -> Any:
        """Return the loss (`loss`), or the fused luma, (B, 1, H, W), in [0, 1].

        Args:
            inputs: R, G, B and infrared, (B, 4, H, W), 0-255.
            data_samples: Not used.
            mode: `loss`, or anything else.
        """
        vis, ir = split_pair(inputs)
        y = luma(vis.flip(1) if self.authors_quirks else vis)
        fused = super().forward(y, ir)
        if mode != "loss":
            return fused
        return {"loss_average": average_loss(fused.float(), y, ir)}


@MODELS.register_module()
class FuserSegmenter(EncoderDecoder):
    """Stage 2: the segmenter sees what the fuser made, and both learn from its loss.

    Args:
        fusion: What the segmenter sees: the `network`'s result, or to compare with the `visible`
            image, the `infrared` one as luma with visible chroma, or the `average` likewise.
        lam: Weight of the correlation loss.
        normalize: Give the segmenter ImageNet-normalised values; the official code leaves them in
            [0, 1].
        authors_quirks: Treat B, G, R as R, G, B all through, as the official code does.
        freeze_fuser: Train the segmenter alone.
        pretrained_fuser: Weights to start from, see `load_fuser`; None for random ones.
        pretrained_segmenter: Weights to start from, see `load_segmenter`; None for random ones.
        **settings: Of mmseg's EncoderDecoder.
    """

    def __init__(
        self,
        fusion: str = "network",
        lam: float = 1e-3,
        normalize: bool = True,
        authors_quirks: bool = False,
        freeze_fuser: bool = False,
        pretrained_fuser: str | None = None,
        pretrained_segmenter: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if fusion not in FUSIONS:
            raise ValueError(f"fusion={fusion!r}: there are {', '.join(FUSIONS)}")
        self.fusion = fusion
        self.lam = lam
        self.normalize = normalize
        self.authors_quirks = authors_quirks
        self.freeze_fuser = freeze_fuser
        self.pretrained_fuser = pretrained_fuser
        self.pretrained_segmenter = pretrained_segmenter
        if fusion == "network":
            self.fuser = TransFuser6()
            self.fuser.requires_grad_(not freeze_fuser)

    def init_weights(self) -> None:
        """Draw weights, then take those that are given."""
        super().init_weights()
        if self.pretrained_segmenter:
            load_segmenter(self, Path(self.pretrained_segmenter))
        if self.pretrained_fuser and self.fusion == "network":
            load_fuser(self.fuser, Path(self.pretrained_fuser))

    def train(self, mode: bool = True) -> "FuserSegmenter":
        """Set the mode; a frozen fuser stays in evaluation mode."""
        super().train(mode)
        if self.freeze_fuser and self.fusion == "network":
            self.fuser.eval()
        return self

    def fuse(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the fused image, its luma, and what was fused.

        Args:
            inputs: R, G, B and infrared, (B, 4, H, W), 0-255.

        Returns:
            R, G, B (B, G, R with the authors' quirks), not clipped, as in the official code; luma,
            visible luma and infrared in [0, 1].
        """
        vis, ir = split_pair(inputs)
        if self.authors_quirks:
            vis = vis.flip(1)
        y = luma(vis)
        if self.fusion == "network":
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze_fuser):
                fused = self.fuser(y, ir).float()
        else:
            fused = {"visible": y, "infrared": ir, "average": (y + ir) / 2}[self.fusion]
        return recolor(fused, [vis]), fused, y, ir

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Return the backbone's features of fused images, (B, 3, H, W), 1 for white."""
        if self.normalize:
            mean, std = (inputs.new_tensor(x)[:, None, None] for x in (IMAGENET_MEAN, IMAGENET_STD))
            inputs = (inputs - mean) / std
        return super().extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Return cross-entropy and the weighted correlation loss."""
        image, fused, y, ir = self.fuse(inputs)
        losses = super().loss(image, data_samples)
        if self.fusion == "network" and not self.freeze_fuser:
            losses["loss_correlation"] = self.lam * correlation_loss(fused, y, ir)
        return losses

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Return samples with `pred_sem_seg`, and `fused`: (3, H, W), R, G, B, clipped to [0, 1].

        A pair is fused whole; windows slide over the result.
        """
        image = self.fuse(inputs)[0]
        samples = super().predict(image, data_samples)
        for sample, fused in zip(samples, image.clamp(0, 1), strict=True):
            colours = fused.flip(0) if self.authors_quirks else fused
            sample.set_data({"fused": PixelData(data=colours)})
        return samples

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the scores of classes, (B, classes, H, W), the mean of windows that overlap.

        Departure: a window counts most at its center and fades towards its borders. With equal
        weights, as in the official code, labels change where a window ends.

        Args:
            inputs: Fused images, (B, 3, H, W).
            batch_img_metas: mmseg's information on each image.
        """
        sides = zip(inputs.shape[2:], self.test_cfg.crop_size, self.test_cfg.stride, strict=True)
        rows, columns = (_windows(*side) for side in sides)
        total = inputs.new_zeros(len(inputs), self.out_channels, *inputs.shape[2:])
        weight = inputs.new_zeros(inputs.shape[2:])
        for window in itertools.product(rows, columns):
            where = (..., *window)
            part = inputs[where]
            about = [{**meta, "img_shape": part.shape[2:]} for meta in batch_img_metas]
            fade = _fade(part)
            total[where] += fade * self.encode_decode(part, about)
            weight[window] += fade
        return total / weight

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return super()._forward(self.fuse(inputs)[0], data_samples)
