"""Statistics that exported files gather from tiles are those of the whole image."""

from pathlib import Path

import pytest
import torch

import run_export
from models.fusion_strategy import pool
from tests.method import near_identity
from utils.util_export import FuseTile, GatherPools
from utils.util_fusion import ImageFusion
from utils.utils import InputError

HEIGHT, WIDTH = 53, 67  # pixels, both odd
TILES = [(0, 40), (40, WIDTH)]  # columns
MARGIN = 32  # pixels


def sources() -> tuple[torch.Tensor, torch.Tensor]:
    pictures = torch.rand(2, 1, HEIGHT, WIDTH)
    return pictures[:1], pictures[1:]


@torch.no_grad()
@pytest.mark.parametrize("channel", ["avg", "max"])
def test_tiles_have_the_statistics_of_the_image(channel: str) -> None:
    fusion = ImageFusion(model=near_identity(1), channel=channel, device="cpu")
    vis, ir = sources()
    found = []
    for start, stop in TILES:
        low, high = max(0, start - MARGIN), min(WIDTH, stop + MARGIN)
        mask = torch.zeros(1, 1, HEIGHT, high - low)
        mask[..., start - low : stop - low] = 1
        found.append(GatherPools(fusion)(vis[..., low:high], ir[..., low:high], mask))
    maps = fusion.model.encoder(torch.cat([vis, ir]))
    for scale, parts in zip(maps, zip(*found, strict=True), strict=True):
        whole = pool(scale.unsqueeze(1), channel)
        joined = torch.stack(parts).amax(dim=0)
        if channel == "avg":
            joined = (sum(parts) / scale[0, 0].numel()).float()
        assert whole.max() > 0
        torch.testing.assert_close(joined, whole)


@torch.no_grad()
@pytest.mark.parametrize("channel", ["avg", "max"])
def test_the_graph_for_tiles_fuses_a_whole_image_too(channel: str) -> None:
    fusion = ImageFusion(model=near_identity(1), channel=channel, device="cpu")
    vis, ir = sources()
    pooled = GatherPools(fusion)(vis, ir, torch.ones_like(vis))
    expected = fusion.fuse_planes(torch.cat([vis, ir]))
    torch.testing.assert_close(FuseTile(fusion)(vis, ir, *pooled), expected)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--channel nuclear", "--channel nuclear"),
        ("--channel nuclear --attention channel --tiled", "--channel nuclear"),
        ("--attention spatial --tiled", "--tiled"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path: Path, flags: str, named: str) -> None:
    words = ["--output", str(tmp_path / "nestfuse.onnx"), *flags.split()]
    with pytest.raises(InputError, match=named):
        run_export.main(run_export.parse_args(words))
    assert not list(tmp_path.iterdir())


def test_both_files_of_tiles_are_kept(tmp_path: Path) -> None:
    statistics = tmp_path / "nestfuse.statistics.onnx"
    statistics.write_bytes(b"mine")
    words = ["--output", str(tmp_path / "nestfuse.onnx"), "--tiled"]
    with pytest.raises(InputError, match=r"nestfuse\.statistics\.onnx exists; --overwrite"):
        run_export.main(run_export.parse_args(words))
    assert statistics.read_bytes() == b"mine"
