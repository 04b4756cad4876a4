"""Segment fused images, and draw the result."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from utils import HERE
from utils.common.image import write_image
from utils.common.values import Array, from_unit, to_unit
from utils.util_dataset import CLASSES, PALETTE
from utils.util_device import resolve_device
from utils.util_mmengine import STAGE2, load_config
from utils.util_weights import load_segmenter

WEIGHTS = HERE / "weights" / "segmenter" / "model.safetensors"
MIN_SIDE = 29  # pixels: after a reduction by 4, attention needs a square of 8
OPACITY = 0.5  # of the classes' colors over the image


class Segmenter:
    """SegFormer-B0 on images of any size, in sliding windows.

        labels = Segmenter().segment(fused)

    Args:
        weights: A file with a segmenter; by default this repository's own.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        authors_quirks: Give the network B, G, R in [0, 1], as the official code does.

    Raises:
        InputError: mmsegmentation is missing, or the weights are not a segmenter's.
    """

    def __init__(
        self, weights: Path | None = None, device: str = "auto", authors_quirks: bool = False
    ) -> None:
        self.weights = weights or WEIGHTS
        self.device = resolve_device(device)
        self.authors_quirks = authors_quirks
        config = load_config(STAGE2)
        from mmengine.registry import init_default_scope
        from mmseg.registry import MODELS

        import mmseg_bffr  # noqa: F401 - registers the model

        init_default_scope("mmseg")
        config.model.update(fusion="visible", normalize=not authors_quirks)
        self.model = MODELS.build(config.model)
        load_segmenter(self.model, self.weights, whole=True)
        self.model.to(self.device).eval()

    @torch.inference_mode()
    def segment(self, image: Array) -> NDArray[np.uint8]:
        """Return class ids, (H, W), of an image: (H, W) or (H, W, 3) R, G, B, any type."""
        rgb = image if image.ndim == 3 else image[..., None].repeat(3, axis=2)
        if self.authors_quirks:
            rgb = rgb[..., ::-1]
        planes = torch.from_numpy(to_unit(np.ascontiguousarray(rgb))).permute(2, 0, 1)[None]
        height, width = image.shape[:2]
        short = (0, max(0, MIN_SIDE - width), 0, max(0, MIN_SIDE - height))
        planes = F.pad(planes, short, mode="replicate")
        size = tuple(planes.shape[2:])
        about = {"ori_shape": size, "img_shape": size, "pad_shape": size, "padding_size": [0] * 4}
        logits = self.model.inference(planes.to(self.device), [about])
        return logits[0, :, :height, :width].argmax(dim=0).byte().cpu().numpy()


class SegmentationWriter:
    """Write `<stem>_labels.png` and `<stem>_overlay.png`, and for all images `classes.csv`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rows: list[tuple[str, str, int, float]] = []  # stem, class, pixels, share

    def write(self, stem: str, image: Array, labels: NDArray[np.uint8]) -> None:
        """Write the class ids, (H, W), of an image, (H, W) or (H, W, 3)."""
        write_image(self.folder / f"{stem}_labels.png", color_map(labels))
        write_image(self.folder / f"{stem}_overlay.png", overlay(image, labels))
        counts = np.bincount(labels.ravel(), minlength=len(CLASSES))
        self.rows += [
            (stem, name, int(count), count / labels.size)
            for name, count in zip(CLASSES, counts, strict=True)
            if count
        ]

    def close(self) -> None:
        """Write and print the table of classes."""
        path = self.folder / "classes.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["image", "class", "pixels", "share"])
            table.writerows((_as_text(row[0]), *row[1:3], f"{row[3]:.6f}") for row in self.rows)
        print(f"{'class':<12} {'color':<12} {'images':>6} {'mean share':>10}")
        images = len({row[0] for row in self.rows})
        for name, color in zip(CLASSES, PALETTE, strict=True):
            shares = [row[3] for row in self.rows if row[1] == name]
            if shares:
                rgb = " ".join(map(str, color))
                print(f"{name:<12} {rgb:<12} {len(shares):>6} {sum(shares) / images:>10.2%}")
        print(f"Segmentations: {self.folder}")


def _as_text(stem: str) -> str:
    """Return a cell that a spreadsheet does not run as a formula."""
    return f"'{stem}" if stem.startswith(("=", "+", "-", "@")) else stem


def color_map(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the classes' colors, (H, W, 3) R, G, B, of ids, (H, W)."""
    return np.array(PALETTE, np.uint8)[labels]


def overlay(image: Array, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an 8-bit image, (H, W, 3), overlaid with all classes except the background."""
    rgb = image if image.ndim == 3 else image[..., None].repeat(3, axis=2)
    mixed = (1 - OPACITY) * to_unit(rgb) + OPACITY * to_unit(color_map(labels))
    shown = np.where(labels[..., None] > 0, mixed, to_unit(rgb))
    return from_unit(shown.astype(np.float32), np.dtype(np.uint8))


def segmentation_paths(folder: Path, stems: Sequence[str]) -> list[Path]:
    """Return the paths of the pictures that a `SegmentationWriter` will write."""
    return [folder / f"{stem}_{kind}.png" for stem in stems for kind in ("labels", "overlay")]
