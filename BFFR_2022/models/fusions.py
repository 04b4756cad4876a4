"""What the segmenter may see: TransFuser6's result, or a plain fusion to compare it with."""

from collections.abc import Callable, Mapping

from torch import Tensor

PLAIN_FUSIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {  # of visible luma and infrared
    "visible": lambda vis, ir: vis,
    "infrared": lambda vis, ir: ir,
    "average": lambda vis, ir: (vis + ir) / 2,
}
FUSIONS = ("network", *PLAIN_FUSIONS)
