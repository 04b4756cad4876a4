"""Scores of a result, by the functions of `benchmark`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MAX_PIXELS = 4_000_000  # of a result that is scored; larger ones take minutes


class Score(NamedTuple):
    """One metric of a result."""

    label: str
    full_name: str
    higher_is_better: bool
    value: float


def score(sources: Sequence[Path], fused: Path, pixels: int, exposures: bool) -> list[Score]:
    """Return the metrics that tables of papers have, by their published definitions.

    Args:
        sources: What was fused.
        fused: The result.
        pixels: How many it has.
        exposures: True if the sources are exposures, which have a metric of their own.

    Raises:
        ValueError: there are no metrics; the message says why.
    """
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"Metrics are computed for results of at most {MAX_PIXELS // 10**6} million pixels."
        )
    try:
        from benchmark.metrics import COLUMNS, CONVENTIONS
        from benchmark.scoring import Job, score_image
    except ImportError as error:
        raise ValueError(
            f"Metrics need the package {error.name}: pip install -r benchmark/requirements.txt"
        ) from error
    known = CONVENTIONS["standard"].functions
    columns = [name for name in CONVENTIONS["tang"].default if name in known]
    if exposures:
        columns += [name for name in known if COLUMNS[name].compares == "exposures"]
    if len(sources) > 2:
        columns = [name for name in columns if COLUMNS[name].compares != "pair"]
    job = Job("result", list(sources), "sources", {"result": fused})
    rows, failures = score_image(job, "standard", columns)
    if failures:
        raise ValueError(f"There are no metrics: {failures[0].reason}.")
    return [
        Score(COLUMNS[name].label, COLUMNS[name].full_name, COLUMNS[name].higher_is_better, value)
        for name, value in zip(columns, rows[0].values, strict=True)
    ]
