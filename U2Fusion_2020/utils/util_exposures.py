"""The order in which exposures are fused: the darkest first."""

import argparse
from collections.abc import Sequence

from utils.common.color import luma_of_array
from utils.common.pairs import FusionJob
from utils.common.read_exposures import read_exposures
from utils.common.sources import FILES, Inputs, Notices
from utils.common.values import Array, to_unit


def darkest_first(sources: Sequence[Array]) -> list[int]:
    """Return the order of exposures by their mean luma, the darkest first."""
    means = [float(luma_of_array(to_unit(source)).mean()) for source in sources]
    return sorted(range(len(sources)), key=means.__getitem__)


def read_darkest_first(
    job: FusionJob, args: argparse.Namespace, notices: Notices, inputs: Inputs = FILES
) -> list[Array]:
    """Read exposures as `read_exposures` does, in the order of their mean luma.

    All frames of a video have the order of the first.
    """
    images = read_exposures(job, args, notices, inputs)
    return [images[n] for n in inputs.once("order", lambda: darkest_first(images))]
