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

from models.fusions import FUSIONS, PLAIN_FUSIONS
from models.TransFuser6 import TransFuser6
from utils.common.color import luma, recolor
from utils.util_fast import use_fast_form
from utils.util_loss import average_loss, correlation_loss
from utils.util_weights import load_fuser, load_segmenter

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of R, G and B
IMAGENET_STD = (0.229, 0.224, 0.225)


def split_pair(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return visible (B, 3, H, W) and infrared (B, 1, H, W) in [0, 1].

    Args:
        inputs: R, G, B and infrared, (B, 4, H, W), in 0-255.
    """
    return inputs[:, :3] / 255, inputs[:, 3:] / 255


def _windows(length: int, window: int, stride: int) -> list[slice]:
    """Return the positions of windows along a side; the last window ends where the side ends."""
    last = max(0, length - window)
    starts = [*range(0, last, stride), last]
    return [slice(start, start + min(window, length)) for start in starts]


def _fade(part: Tensor) -> Tensor:
    """Return the weight of each pixel of a window, (H, W); it falls linearly to each border."""
    centers = (torch.arange(side, device=part.device) + 0.5 for side in part.shape[2:])
    rows, columns = (torch.minimum(center, len(center) - center) for center in centers)
    return rows[:, None] * columns


@MODELS.register_module()
class Fuser(TransFuser6, BaseModel):
    """Stage 1, the warm start: TransFuser6 learns the average of its inputs.

    Args:
        data_preprocessor: Config of mmseg's SegDataPreProcessor, which batches (4, H, W) arrays.
        authors_quirks: See `FuserSegmenter`.
    """

    def __init__(self, data_preprocessor: dict, authors_quirks: bool = False) -> None:
        super().__init__()
        use_fast_form(self)
        self.data_preprocessor = MODELS.build(data_preprocessor)
        self.authors_quirks = authors_quirks

    def forward(  # type: ignore[override] # as mmengine calls it
        self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = "tensor"
    ) -> Any:
        """Return the loss (`loss`), or the fused luma, (B, 1, H, W), in [0, 1].

        Args:
            inputs: R, G, B and infrared, (B, 4, H, W), 0-255.
            data_samples: Not used.
            mode: `loss` returns the loss, any other mode the fused luma.
        """
        vis, ir = split_pair(inputs)
        y = luma(vis.flip(1) if self.authors_quirks else vis)
        fused = super().forward(y, ir)
        if mode != "loss":
            return fused
        return {"loss_average": average_loss(fused.float(), y, ir)}


@MODELS.register_module()
class FuserSegmenter(EncoderDecoder):
    """Stage 2: the segmenter sees the fused image, and both networks learn from its loss.

    Args:
        fusion: The luma that the segmenter sees, with the visible chroma: the result of the
            `network`, or for comparison one of `PLAIN_FUSIONS`.
        lam: Weight of the correlation loss.
        normalize: Give the segmenter ImageNet-normalized values; the official code leaves them in
            [0, 1].
        authors_quirks: Treat B, G, R as R, G, B everywhere, as the official code does.
        freeze_fuser: Train only the segmenter.
        pretrained_fuser: Weights to start from, see `load_fuser`; None for random ones.
        pretrained_segmenter: Weights to start from, see `load_segmenter`; None for random ones.
        **settings: Arguments of mmseg's EncoderDecoder.
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
            use_fast_form(self.fuser)
            self.fuser.requires_grad_(not freeze_fuser)

    def init_weights(self) -> None:
        """Draw random weights, then load the pretrained ones."""
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
        """Return the fused image, its luma, and the two planes that were fused.

        Args:
            inputs: R, G, B and infrared, (B, 4, H, W), 0-255.

        Returns:
            The fused image, (B, 3, H, W), R, G, B (B, G, R with the authors' quirks), not clipped,
            as in the official code; its luma, the visible luma and infrared, (B, 1, H, W) each,
            in [0, 1].
        """
        vis, ir = split_pair(inputs)
        if self.authors_quirks:
            vis = vis.flip(1)
        y = luma(vis)
        if self.fusion == "network":
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze_fuser):
                fused = self.fuser(y, ir).float()
        else:
            fused = PLAIN_FUSIONS[self.fusion](y, ir)
        return recolor(fused, [vis]), fused, y, ir

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Return the backbone's features of fused images, (B, 3, H, W), where 1 is white."""
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
        """Return samples with `pred_sem_seg` and `fused`, (3, H, W), R, G, B, clipped to [0, 1].

        The pair is fused as a whole; the segmenter's windows slide over the fused image.
        """
        image = self.fuse(inputs)[0]
        samples = super().predict(image, data_samples)
        for sample, fused in zip(samples, image.clamp(0, 1), strict=True):
            rgb = fused.flip(0) if self.authors_quirks else fused
            sample.set_data({"fused": PixelData(data=rgb)})
        return samples

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return class scores, (B, classes, H, W): the weighted mean of overlapping windows.

        Departure: the weight of a window is largest at its center and falls towards its borders.
        With equal weights, as in the official code, labels change where a window ends.

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
