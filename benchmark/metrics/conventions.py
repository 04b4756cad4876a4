"""All columns, and the four conventions under which papers print tables.

To add a metric, write its function and add a line to COLUMNS and one to the functions of the
conventions that have it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmark.metrics import cddfuse, tang, vifb
from benchmark.metrics.arrays import Image, Score
from benchmark.metrics.color import luma
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

Channels = NDArray[Any]  # (1 or 3, H, W), R, G, B, in 0-255
Function = Callable[[Sequence[Image], Image], Score]


class Column(NamedTuple):
    """One column of a score file and how to read its value.

    `compares` says what the fused image is compared with: "nothing", two sources ("pair"), or any
    number of exposures ("exposures").
    """

    label: str
    full_name: str
    compares: Literal["nothing", "pair", "exposures"] = "pair"
    higher_is_better: bool = True


class Convention(NamedTuple):
    """How images are prepared and scored.

    Attributes:
        description: Its definition in one line.
        prepare: Turns the channels of sources and fused image into the arguments of the functions.
        functions: Its metrics, by column.
        default: The columns of its tables.
        focus: The columns of its tables of multi-focus images, if they are others.
        by_channel: The functions take the channels of one image as a batch, so that images are
            scored one by one.
    """

    description: str
    prepare: Callable[[Sequence[Channels], Channels], tuple[list[Any], Any]]
    functions: dict[str, Function]
    default: tuple[str, ...]
    focus: tuple[str, ...] = ()
    by_channel: bool = False

    def columns(self, kind: str) -> tuple[str, ...]:
        """Return the columns of its tables of a kind of set: `pairs`, `exposures` or `focus`."""
        return (kind == "focus" and self.focus) or self.default

    def score(
        self, columns: Sequence[str], sources: Sequence[Channels], fused: Channels
    ) -> list[float]:
        """Return the scores of one image, one for each column.

        Args:
            columns: Names of metrics that this convention has.
            sources: The source images, each (1 or 3, H, W), R, G, B, in 0-255.
            fused: The fused image, of the same shape and range.
        """
        images = self.prepare(sources, fused)
        return [float(self.functions[name](*images)) for name in columns]

    def score_batch(
        self,
        columns: Sequence[str],
        images: Sequence[tuple[list[NDArray[Any]], NDArray[Any]]],
        to_tensor: Callable[[NDArray[Any]], Tensor],
    ) -> list[list[float]]:
        """Return the scores of images of one size, for each image one for each column.

        Args:
            columns: Names of metrics that this convention has.
            images: What `prepare` returned for each image, with as many sources.
            to_tensor: Moves an array to the device, as the float type to compute in.
        """
        if self.by_channel:
            one_by_one = [([*map(to_tensor, several)], to_tensor(last)) for several, last in images]
            return [[float(self.functions[n](*one)) for n in columns] for one in one_by_one]
        together = zip(*([*several, last] for several, last in images), strict=True)
        *sources, fused = (to_tensor(np.stack(same)[:, None]) for same in together)
        scores = [self.functions[name](sources, fused).tolist() for name in columns]
        return [list(values) for values in zip(*scores, strict=True)]


COLUMNS = {
    "en": Column("EN", "entropy", "nothing"),
    "sd": Column("SD", "standard deviation", "nothing"),
    "sf": Column("SF", "spatial frequency", "nothing"),
    "ag": Column("AG", "average gradient", "nothing"),
    "ei": Column("EI", "edge intensity", "nothing"),
    "mi": Column("MI", "mutual information"),
    "nmi": Column("NMI", "normalized mutual information"),
    "ce": Column("CE", "cross entropy", higher_is_better=False),
    "cc": Column("CC", "correlation"),
    "scd": Column("SCD", "sum of the correlations of differences"),
    "psnr": Column("PSNR", "peak signal-to-noise ratio"),
    "mse": Column("MSE", "mean squared error", higher_is_better=False),
    "rmse": Column("RMSE", "root mean squared error", higher_is_better=False),
    "ssim": Column("SSIM", "structural similarity"),
    "ms_ssim": Column("MS-SSIM", "multi-scale structural similarity"),
    "qabf": Column("Qabf", "edge preservation"),
    "nabf": Column("Nabf", "added edges", higher_is_better=False),
    "vif": Column("VIF", "visual information fidelity"),
    "viff": Column("VIFF", "visual information fidelity for fusion"),
    "fmi_pixel": Column("FMI-pixel", "mutual information of pixels"),
    "fmi_edge": Column("FMI-edge", "mutual information of edges"),
    "fmi_dct": Column("FMI-DCT", "mutual information of cosine coefficients"),
    "fmi_wavelet": Column("FMI-wavelet", "mutual information of wavelet coefficients"),
    "qcb": Column("Qcb", "preserved contrast"),
    "qcv": Column("Qcv", "visible difference", higher_is_better=False),
    "mef_ssim": Column("MEF-SSIM", "structural similarity of exposures", "exposures"),
}


def _of_fused(function: Callable[[Image], Score]) -> Function:
    return lambda sources, fused: function(fused)


STANDARD: dict[str, Function] = {
    "en": _of_fused(entropy),
    "sd": _of_fused(standard_deviation),
    "sf": _of_fused(spatial_frequency),
    "ag": _of_fused(average_gradient),
    "ei": _of_fused(edge_intensity),
    "mi": mutual_information,
    "nmi": normalized_mutual_information,
    "ce": cross_entropy,
    "cc": correlation,
    "scd": scd,
    "psnr": psnr,
    "rmse": rmse,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "qabf": qabf,
    "nabf": nabf,
    "vif": vif,
    "viff": viff,
    "fmi_pixel": partial(fmi, feature="pixel"),
    "fmi_edge": partial(fmi, feature="edge"),
    "fmi_dct": partial(fmi, feature="dct"),
    "fmi_wavelet": partial(fmi, feature="wavelet"),
    "qcb": qcb,
    "qcv": qcv,
    "mef_ssim": mef_ssim,
}


# Those of the 20 metrics of MFIFB that are here, under its definition of VIF and FMI (METRICS.md).
MFIFB = (
    "en", "sd", "sf", "ag", "ei", "nmi", "ce", "psnr", "ssim", "qabf", "viff", "fmi_edge", "qcb",
    "qcv",
)  # fmt: skip


def _lumas(
    sources: Sequence[Channels], fused: Channels
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    return [luma(source) for source in sources], luma(fused)


CONVENTIONS = {
    "standard": Convention(
        "the published definitions, on luma in 0-255", _lumas, STANDARD, tuple(STANDARD), MFIFB
    ),
    "vifb": Convention(
        "VIFB's 13 metrics, each of R, G and B scored and averaged",
        vifb.channels,
        vifb.FUNCTIONS,
        tuple(vifb.FUNCTIONS),
        by_channel=True,
    ),
    "tang": Convention(
        "Tang's MATLAB toolbox, SD and VIF of saturating bytes",
        tang.bytes_of,
        tang.FUNCTIONS,
        tang.DEFAULT,
    ),
    "cddfuse": Convention(
        "CDDFuse's evaluator, on rounded luma, MI in nats, sums of VIF and SSIM",
        cddfuse.gray,
        cddfuse.FUNCTIONS,
        tuple(cddfuse.FUNCTIONS),
    ),
}
