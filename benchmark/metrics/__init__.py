"""Fusion metrics on luma in 0-255, NumPy arrays or tensors, one or a batch; see conventions.py."""

from metrics.conventions import COLUMNS, CONVENTIONS, Column, Convention
from metrics.edges import nabf, qabf
from metrics.error import psnr, rmse
from metrics.exposure import mef_ssim
from metrics.features import fmi
from metrics.fidelity import vif, viff
from metrics.gradient import average_gradient, edge_intensity, spatial_frequency
from metrics.information import (
    cross_entropy,
    entropy,
    mutual_information,
    normalized_mutual_information,
)
from metrics.perception import qcb, qcv
from metrics.statistics import correlation, scd, standard_deviation
from metrics.structure import ms_ssim, ssim

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
