"""Fusion metrics on luma, (H, W) in 0-255; to add one, write it and add a line to METRICS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from metrics.error import psnr
from metrics.exposure import mef_ssim
from metrics.fidelity import vif
from metrics.gradient import average_gradient, qabf, spatial_frequency
from metrics.information import entropy, mutual_information
from metrics.statistics import scd, standard_deviation
from metrics.structure import ssim

__all__ = [
    "METRICS",
    "Metric",
    "average_gradient",
    "entropy",
    "mef_ssim",
    "mutual_information",
    "psnr",
    "qabf",
    "scd",
    "spatial_frequency",
    "ssim",
    "standard_deviation",
    "vif",
]


class Metric(NamedTuple):
    """One column of a score file: `function(sources, fused)` and how to read its value.

    `compares` says what is scored: the fused image alone ("nothing"), against two sources
    ("pair"), or against any number of exposures ("exposures").
    """

    label: str
    full_name: str
    function: Callable[[Sequence[NDArray[Any]], NDArray[Any]], float]
    compares: Literal["nothing", "pair", "exposures"] = "pair"
    higher_is_better: bool = True


def _of_fused(
    function: Callable[[NDArray[Any]], float],
) -> Callable[[Sequence[NDArray[Any]], NDArray[Any]], float]:
    return lambda sources, fused: function(fused)


METRICS = {
    "en": Metric("EN", "entropy", _of_fused(entropy), "nothing"),
    "sd": Metric("SD", "standard deviation", _of_fused(standard_deviation), "nothing"),
    "sf": Metric("SF", "spatial frequency", _of_fused(spatial_frequency), "nothing"),
    "ag": Metric("AG", "average gradient", _of_fused(average_gradient), "nothing"),
    "mi": Metric("MI", "mutual information", mutual_information),
    "scd": Metric("SCD", "sum of the correlations of differences", scd),
    "psnr": Metric("PSNR", "peak signal-to-noise ratio", psnr),
    "vif": Metric("VIF", "visual information fidelity", vif),
    "qabf": Metric("Qabf", "edge preservation", qabf),
    "ssim": Metric("SSIM", "structural similarity", ssim),
    "mef_ssim": Metric("MEF-SSIM", "structural similarity of exposures", mef_ssim, "exposures"),
}
