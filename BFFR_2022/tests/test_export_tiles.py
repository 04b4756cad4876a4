"""Gram matrices that exported files measure on tiles add up to those of the whole image."""

import torch

from models.TransFuser6 import TransFuser6
from tests.method import near_identity
from utils.util_export import FuseTile, MeasureGrams, use_exportable_form
from utils.util_fusion import ImageFusion

HEIGHT, WIDTH = 53, 211  # pixels, both odd
TILES = [(0, 104), (104, WIDTH)]  # columns
MARGIN = 80  # pixels


def models() -> tuple[TransFuser6, ImageFusion]:
    """Return a network in the form that is exported, and `ImageFusion` of the same network."""
    model = near_identity()
    fusion = ImageFusion(model=model, device="cpu")
    use_exportable_form(fusion.model)
    return fusion.model, ImageFusion(model=model, device="cpu")


@torch.no_grad()
def test_tiles_are_fused_as_the_whole_image() -> None:
    model, fusion = models()
    vis, ir = torch.rand(2, 1, 1, HEIGHT, WIDTH)
    spans = [(max(0, start - MARGIN), min(WIDTH, stop + MARGIN)) for start, stop in TILES]
    found = []
    for (start, stop), (low, high) in zip(TILES, spans, strict=True):
        mask = torch.zeros(1, 1, HEIGHT, high - low)
        mask[..., start - low : stop - low] = 1
        found.append(MeasureGrams(model)(vis[..., low:high], ir[..., low:high], mask))
    grams = [first + second for first, second in zip(*found, strict=True)]
    expected = fusion.fuse_planes(torch.cat([vis, ir]))
    for (start, stop), (low, high) in zip(TILES, spans, strict=True):
        fused = FuseTile(model)(vis[..., low:high], ir[..., low:high], *grams)
        kept = fused[..., start - low : stop - low]
        torch.testing.assert_close(kept, expected[..., start:stop], rtol=0, atol=1e-5)
