"""The student: a small network that is trained to give another method's images.

It works at half the size: four pixels of each source become four channels of one, a few layers of
3x3 convolutions follow, and their four channels become four pixels again, which are added to the
average of the sources. The output layer is zero at the start, so that training starts from the
average.

Borders: the layers pad with zeros, which costs no time and shows them where the image ends. The
outermost pixels of a teacher follow other rules than all others, since it reflects its own maps
there. So each of the four sides has an output layer of its own, for the outermost row or column of
the small size, which sees the last maps up to `SIDE_DEPTH` rows inward.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 32  # usually
LAYERS = 6  # usually, between the first and the last
SCALE = 2  # pixels of a source on a side that become one
SIDE_DEPTH = 3  # rows of the last maps that a side's output layer sees
BINS = 8  # of a source's histogram
COARSE = 4  # pixels: every so many count in a histogram
LEVELS = 4  # sizes at which a source's contrast is measured: 1, 1/2, 1/4 and 1/8
EVERY = slice(None)  # of rows or columns
STATISTICS = 2 * (BINS + LEVELS) + 1  # numbers, of both sources


class Sides(nn.Module):
    """The output layers of the four sides."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        across, along = (SIDE_DEPTH, 3), (3, SIDE_DEPTH)
        self.top = nn.Conv2d(channels, out_channels, across, padding=(0, 1))
        self.bottom = nn.Conv2d(channels, out_channels, across, padding=(0, 1))
        self.left = nn.Conv2d(channels, out_channels, along, padding=(1, 0))
        self.right = nn.Conv2d(channels, out_channels, along, padding=(1, 0))

    def forward(self, out: Tensor, maps: Tensor) -> Tensor:
        """Add to the outermost rows and columns of `out`, (B, 4, h, w), what the maps give."""
        depth = SIDE_DEPTH
        middle = out[:, :, 1:-1]
        top = out[:, :, :1] + self.top(maps[:, :, :depth])
        bottom = out[:, :, -1:] + self.bottom(maps[:, :, -depth:])
        out = torch.cat([top, middle, bottom], dim=2)
        left = out[..., :1] + self.left(maps[..., :depth])
        right = out[..., -1:] + self.right(maps[..., -depth:])
        return torch.cat([left, out[..., 1:-1], right], dim=3)


def measure(pair: Tensor, rows: slice = EVERY, columns: slice = EVERY) -> Tensor:
    """Return sums from which `to_statistics` makes those of a whole image.

    The sums of tiles add up to those of the whole image, if tiles begin at multiples of 8 and are
    read with a margin of at least 8.

    Args:
        pair: The lumas of a tile, (1, 2, H, W) in [0, 1].
        rows: Without the margin.
        columns: Without the margin.
    """
    kept = pair[..., rows, columns]
    centers = torch.linspace(0, 1, BINS, device=pair.device).view(-1, 1, 1)
    points = kept[0, :, None, ::COARSE, ::COARSE]  # (2, 1, h, w)
    shares = (1 - (points - centers).abs() * (BINS - 1)).relu()  # of neighboring bins, sum 1
    sums = [shares.sum(dim=(2, 3), dtype=torch.double)]  # (2, BINS)
    areas = []
    for level in range(LEVELS):
        small = F.avg_pool2d(pair, 2**level)[0]
        right = F.pad((small[..., 1:] - small[..., :-1]).abs(), (0, 1))
        below = F.pad((small[:, 1:] - small[:, :-1]).abs(), (0, 0, 0, 1))
        edges = (right + below)[:, _shrink(rows, level), _shrink(columns, level)]
        sums.append(edges.sum(dim=(1, 2), dtype=torch.double)[:, None])
        areas.append(torch.ones_like(edges[0]).sum(dtype=torch.double))
    apart = (kept[:, :1] - kept[:, 1:]).abs().sum(dtype=torch.double)
    return torch.cat([torch.cat(sums, dim=1).flatten(), torch.stack([apart, *areas])])


def _shrink(part: slice, level: int) -> slice:
    return part if part == EVERY else slice(part.start >> level, part.stop >> level)


def to_statistics(sums: Tensor) -> Tensor:
    """Return what `Student.forward` takes of a whole image, (1, STATISTICS).

    Args:
        sums: From `measure`, of the image or of all its tiles together.
    """
    areas = sums[-LEVELS:].clamp_min(1) / 10  # contrasts are near 0.1
    parts = []
    for each in sums[:-LEVELS][:-1].view(2, -1):
        parts += [each[:BINS] / each[:BINS].sum(), each[BINS:] / areas]
    apart = sums[-LEVELS - 1] / areas[0]
    return torch.cat([*parts, apart[None]]).float()[None]


class Student(nn.Module):
    """The network: two lumas in, one out; usually 63,604 parameters.

    Args:
        looks_at_whole: Also take statistics of the whole image, for teachers that do so. They
            decide a gain and an offset for each of the first maps.
        channels: Maps of each layer.
        layers: How many, between the first and the last.

    Attributes:
        receptive_radius: In pixels, from the square of 2x2 on.
        stride: Tiles begin at multiples of it, in pixels.
        min_side: Of images, in pixels.
    """

    def __init__(
        self, looks_at_whole: bool = False, channels: int = CHANNELS, layers: int = LAYERS
    ) -> None:
        super().__init__()
        self.receptive_radius = SCALE * (layers + 2)
        self.looks_at_whole = looks_at_whole
        self.stride = 2 ** (LEVELS - 1) if looks_at_whole else SCALE
        self.min_side = max(SCALE * SIDE_DEPTH, self.stride)
        pixels = SCALE**2
        self.first = nn.Conv2d(2 * pixels, channels, 3, padding=1)
        self.middle = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(layers)
        )
        self.last = nn.Conv2d(channels, pixels, 3, padding=1)
        self.sides = Sides(channels, pixels)
        zero: list[nn.Module] = [self.last, *self.sides.children()]
        if looks_at_whole:
            self.condition = nn.Sequential(
                nn.Linear(STATISTICS, channels), nn.ReLU(), nn.Linear(channels, 2 * channels)
            )
            zero.append(self.condition[-1])
        for parameter in (each for layer in zero for each in layer.parameters()):
            nn.init.zeros_(parameter)

    @classmethod
    def like(cls, tensors: Mapping[str, Tensor]) -> "Student":
        """Return a network of the form that these tensors have, if they are a student's."""
        channels = len(tensors.get("first.bias", torch.empty(CHANNELS)))
        layers = sum(name.startswith("middle.") and name.endswith(".bias") for name in tensors)
        return cls("condition.0.weight" in tensors, channels, layers)

    def forward(self, pair: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Fuse lumas in [0, 1]: (B, 2, H, W) to (B, 1, H, W), not clipped.

        Args:
            pair: The two sources in the teacher's order; sides of at least `min_side`.
            statistics: Of the whole image, (B, STATISTICS), if the student looks at it.
        """
        height, width = pair.shape[2:]
        even = F.pad(pair, (0, width % SCALE, 0, height % SCALE))
        x = F.relu(self.first(F.pixel_unshuffle(even, SCALE)), inplace=True)  # (B, C, h, w)
        if self.looks_at_whole:
            gain, offset = self.condition(statistics)[..., None, None].chunk(2, dim=1)
            x = x * (1 + gain) + offset
        for layer in self.middle:
            x = F.relu(layer(x), inplace=True)  # (B, C, h, w)
        out = self.sides(self.last(x), x)  # (B, 4, h, w)
        change = F.pixel_shuffle(out, SCALE)[:, :, :height, :width]
        return change + pair.mean(dim=1, keepdim=True)
