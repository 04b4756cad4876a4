"""The order in which exposures are fused: the darkest first."""

import argparse
from collections.abc import Sequence

from utils.common.color import luma_of_array
from utils.common.pairs import FusionJob
from utils.common.read_exposures import read_exposures
from utils.common.sources import Notices
from utils.common.values import Array, to_unit


def darkest_first(sources: Sequence[Array]) -> list[Array]:
    """Return exposures in the order of their mean luma."""
    return sorted(sources, key=lambda source: float(luma_of_array(to_unit(source)).mean()))


def read_darkest_first(job: FusionJob, args: argparse.Namespace, notices: Notices) -> list[Array]:
    """Read exposures as `read_exposures` does, in the order of their mean luma."""
    return darkest_first(read_exposures(job, args, notices))
