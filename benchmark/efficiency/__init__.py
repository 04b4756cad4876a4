"""What methods need for one pair of gray images, 640x480: see `benchmark.efficiency.measure`."""

from dataclasses import dataclass

WIDTH, HEIGHT = 640, 480  # pixels
SIZE = f"{WIDTH}x{HEIGHT}"


@dataclass(frozen=True)
class Efficiency:
    """What a method needs for a pair; None where it cannot be measured, or there is none.

    Attributes:
        parameters: Number of the network's parameters.
        multiply_adds: Of fusing the pair as one tile: half of the operations that
            `torch.utils.flop_counter` counts, those of convolutions and matrix products.
        seconds: Median time of fusing the pair ten times, without a first time that warms up.
        peak_mib: Largest resident memory of the process until then, or memory that PyTorch took
            on a CUDA device, MiB.
    """

    parameters: int | None
    multiply_adds: int | None
    seconds: float
    peak_mib: float | None
