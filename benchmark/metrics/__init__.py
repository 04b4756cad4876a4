"""Fusion metrics on luma, (H, W) in 0-255; to add one, write it and add a line to METRICS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from metrics.gradient import qabf
from metrics.information import entropy, mutual_information
from metrics.structure import ssim

__all__ = ["METRICS", "Metric", "entropy", "mutual_information", "qabf", "ssim"]


class Metric(NamedTuple):
    """One column of a score file: `function(sources, fused)` and how to read its value."""

    label: str
    full_name: str
    function: Callable[[Sequence[NDArray[Any]], NDArray[Any]], float]
    higher_is_better: bool = True


METRICS = {
    "en": Metric("EN", "entropy", lambda sources, fused: entropy(fused)),
    "mi": Metric("MI", "mutual information", mutual_information),
    "ssim": Metric("SSIM", "structural similarity", ssim),
    "qabf": Metric("Qabf", "edge preservation", qabf),
}
