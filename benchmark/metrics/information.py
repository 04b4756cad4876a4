"""Metrics from information theory, on 256-bin histograms with logarithms to base 2.

A value that is not a whole number is rounded to the nearest bin, halves upwards. Counts are exact,
and all further steps are computed in float64.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.metrics.arrays import metric_of_fused, metric_of_sources, round_half_up

BINS = 256


@metric_of_fused("EN")
def entropy(fused: Tensor) -> Tensor:
    """Return the entropy EN of the fused image in bits, 0 to 8.

    EN = -sum_i p_i log2 p_i, p_i the share of the pixels with value i (Shannon 1948).

    Args:
        fused: Luma, (H, W) or (B, 1, H, W), in 0-255.
    """
    return _entropy(_levels(fused))


@metric_of_sources("MI")
def mutual_information(
    sources: Sequence[Tensor], fused: Tensor, joint_top: int = BINS - 1
) -> Tensor:
    """Return the mutual information MI of the sources and the fused image in bits.

    MI = sum_S I(S, F), I(S, F) = H(S) + H(F) - H(S, F), from joint histograms of 256 x 256 bins
    (Qu, Zhang and Yan, Electronics Letters 2002); 0 to the sum of the sources' entropies.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
        joint_top: The last bin of the joint histograms, which also counts all higher values.
    """
    return torch.stack([_shared(luma, fused, joint_top)[0] for luma in sources]).sum(dim=0)


@metric_of_sources("NMI")
def normalized_mutual_information(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the normalized mutual information NMI, 0 to 2, which A = B = F reaches.

    NMI = 2 sum_S I(S, F) / (H(S) + H(F)) (Hossny, Nahavandi and Creighton, Electronics Letters
    2008). NaN where a source and the fused image are both constant.

    Args:
        sources: Luma of the two source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    pairs = [_shared(luma, fused) for luma in sources]
    return 2 * torch.stack([information / total for information, total in pairs]).sum(dim=0)


@metric_of_sources("CE")
def cross_entropy(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Return the cross entropy CE in bits, less is better, 0 for equal histograms.

    CE = mean_S sum_i p_S(i) log2(p_S(i) / p_F(i)), over the values that both images have (Bulanon,
    Burks and Alchanatis, Biosystems Engineering 2009). Values that the fused image does not
    have are left out, so images without a common value have 0, and CE can be below 0.

    Args:
        sources: Luma of the source images, each (H, W) or (B, 1, H, W), in 0-255.
        fused: Luma of the fused image, same shape and range.
    """
    p_f = _shares(_levels(fused))
    divergences = []
    for luma in sources:
        p_s = _shares(_levels(luma))
        both = (p_s > 0) & (p_f > 0)
        ratio = torch.where(both, p_s, 1) / torch.where(both, p_f, 1)
        divergences.append((p_s * torch.log2(ratio)).sum(dim=1))
    return torch.stack(divergences).mean(dim=0)


def _shared(luma: Tensor, fused: Tensor, joint_top: int = BINS - 1) -> tuple[Tensor, Tensor]:
    """Return I(S, F) and H(S) + H(F), (B,) each."""
    s, f = _levels(luma), _levels(fused)
    total = _entropy(s) + _entropy(f)
    joint = BINS * s.clamp(max=joint_top) + f.clamp(max=joint_top)
    return total - _entropy(joint, BINS * BINS), total


def _levels(batch: Tensor) -> Tensor:
    """Return the whole numbers 0 to 255 that values round to, (B, H W)."""
    return round_half_up(batch).flatten(1).to(torch.int64)


def _shares(levels: Tensor, bins: int = BINS) -> Tensor:
    """Return the share of each of the values 0 to bins - 1 in each image, (B, bins)."""
    images, pixels = levels.shape
    first = bins * torch.arange(images, device=levels.device).reshape(-1, 1)
    counts = torch.bincount((levels + first).flatten(), minlength=bins * images)
    return counts.reshape(images, bins).to(torch.float64) / pixels


def _entropy(levels: Tensor, bins: int = BINS) -> Tensor:
    """Return the entropy of each image's values in bits, (B,)."""
    shares = _shares(levels, bins)
    return -torch.special.xlogy(shares, shares).sum(dim=1) / torch.log(shares.new_tensor(2.0))
