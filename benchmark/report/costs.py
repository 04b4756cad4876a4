"""The columns of what methods need: time and memory of the run, and efficiency at one size."""

from collections.abc import Iterable
from typing import NamedTuple

from benchmark.efficiency import SIZE
from benchmark.fusing import RunRecord


class Cost(NamedTuple):
    """One column.

    Attributes:
        name: In report.csv.
        attribute: Of a `RunRecord` or its `Efficiency`.
        head: Its heading, with the unit; `{unit}` stands for what is fused at a time.
        note: How it was measured.
        format: How a value is printed.
        scale: What a value is divided by before.
        of_run: Whether the record has the value, and not its efficiency.
    """

    name: str
    attribute: str
    head: str
    note: str
    format: str
    scale: float = 1
    of_run: bool = False


RUN = (
    Cost(
        "seconds",
        "seconds",
        "Seconds per {unit}",
        "Mean wall time as the method prints it: over all results but the first, without reading "
        "and writing. A note says where a method does not print it.",
        ".3f",
        of_run=True,
    ),
    Cost(
        "peak_mib",
        "peak_mib",
        "Peak memory, MiB",
        "Largest resident memory of the process, with Python, its packages and the weights, "
        "without the memory of a GPU.",
        ".0f",
        of_run=True,
    ),
)
EFFICIENCY = (
    Cost(
        "parameters",
        "parameters",
        "Parameters",
        "Of the network in the weights file.",
        ",d",
    ),
    Cost(
        f"multiply_adds_{SIZE}",
        "multiply_adds",
        f"Multiply-adds at {SIZE}, billions",
        f"Of convolutions and matrix products, as the network runs on a whole gray pair of {SIZE}: "
        "half of what torch.utils.flop_counter counts.",
        ".2f",
        1e9,
    ),
    Cost(
        f"seconds_{SIZE}",
        "seconds",
        f"Seconds at {SIZE}",
        "Median of fusing this pair ten times, after a first time that warms up.",
        ".3f",
    ),
    Cost(
        f"peak_mib_{SIZE}",
        "peak_mib",
        f"Peak memory at {SIZE}, MiB",
        "Largest resident memory of a process that does this, or memory that PyTorch takes on a "
        "CUDA device.",
        ".0f",
    ),
)


def shown(records: Iterable[RunRecord]) -> tuple[Cost, ...]:
    """Return the columns of a report: those of efficiency if it was measured."""
    return RUN + EFFICIENCY if any(record.efficiency for record in records) else RUN


def cost_of(cost: Cost, record: RunRecord) -> float | None:
    """Return the value of a record in a column, None if there is none."""
    source = record if cost.of_run else record.efficiency
    return getattr(source, cost.attribute, None)


def cost_text(cost: Cost, value: float | None) -> str:
    """Return a value as printed."""
    if value is None:
        return "-"
    return format(value / cost.scale if cost.scale != 1 else value, cost.format)
