"""Metrics of fusion: functions of luma in 0-255, NumPy arrays or tensors, single or batches."""

from benchmark.metrics.conventions import COLUMNS, CONVENTIONS, Column, Convention
from benchmark.metrics.edges import nabf, qabf
from benchmark.metrics.error import psnr, rmse
from benchmark.metrics.exposure import mef_ssim
from benchmark.metrics.features import fmi
from benchmark.metrics.fidelity import vif, viff
from benchmark.metrics.gradient import average_gradient, edge_intensity, spatial_frequency
from benchmark.metrics.information import (
    cross_entropy,
    entropy,
    mutual_information,
    normalized_mutual_information,
)
from benchmark.metrics.perception import qcb, qcv
from benchmark.metrics.statistics import correlation, scd, standard_deviation
from benchmark.metrics.structure import ms_ssim, ssim

__all__ = [
    "COLUMNS",
    "CONVENTIONS",
    "Column",
    "Convention",
    "average_gradient",
    "correlation",
    "cross_entropy",
    "edge_intensity",
    "entropy",
    "fmi",
    "mef_ssim",
    "ms_ssim",
    "mutual_information",
    "nabf",
    "normalized_mutual_information",
    "psnr",
    "qabf",
    "qcb",
    "qcv",
    "rmse",
    "scd",
    "spatial_frequency",
    "ssim",
    "standard_deviation",
    "vif",
    "viff",
]
