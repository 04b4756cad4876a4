"""The arrays that every metric takes, and the scores it returns."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Image: TypeAlias = NDArray[Any] | Tensor  # (H, W), or a batch (B, 1, H, W), in 0-255
Score: TypeAlias = Any  # float for one NumPy image, else an array or a tensor
FLOATS = (torch.float32, torch.float64)
P = ParamSpec("P")
HALF = 0.5001  # added before rounding down; in float32 a luma of n + 0.5 may be a bit less


def as_batch(
    *images: Image, double: bool = False
) -> tuple[list[Tensor], Callable[[Tensor], Score]]:
    """Return images as batches of floats, (B, 1, H, W), and the function that returns their scores.

    NumPy arrays become float64, so that integers neither wrap nor saturate. Tensors stay on their
    device; float32 and float64 keep their type, other types become float32.

    Args:
        images: Luma of one size in 0-255, (H, W) or (B, 1, H, W), all arrays or all tensors.
        double: Compute in float64 whatever the type. The scores keep the precision of the type.

    Returns:
        The batches, and a function from scores, (B,), to the result of a metric: a float for one
        array, an array (B,) for a batch of arrays, a tensor () or (B,) for tensors.

    Raises:
        TypeError: If arrays and tensors are mixed.
        ValueError: If the shapes differ or are of another form, if tensors lie on different
            devices, or if a value lies outside 0-255 or is not finite.
    """
    shapes = [tuple(image.shape) for image in images]
    if len(set(shapes)) != 1 or not _is_luma(shapes[0]):
        raise ValueError(
            f"expected luma of one size, (H, W) or (B, 1, H, W), found shapes {shapes}"
        )
    are_tensors = [isinstance(image, Tensor) for image in images]
    if any(are_tensors) != all(are_tensors):
        raise TypeError("expected all images as arrays or all as tensors, found both")
    batches = [_as_float(image).reshape(-1, 1, *shapes[0][-2:]) for image in images]
    if len({batch.device for batch in batches}) > 1:
        raise ValueError(f"expected one device, found {[str(batch.device) for batch in batches]}")
    _check_range(batches)
    precision = batches[0].dtype
    if any(batch.dtype != precision for batch in batches):
        precision = torch.float64
    work = torch.float64 if double else precision

    def give_back(scores: Tensor) -> Score:
        values = scores.to(precision) if len(shapes[0]) == 4 else scores.to(precision)[0]
        if are_tensors[0]:
            return values
        return values.numpy() if values.ndim else float(values)

    return [batch.to(work) for batch in batches], give_back


def _is_luma(shape: tuple[int, ...]) -> bool:
    return 0 not in shape and (len(shape) == 2 or (len(shape) == 4 and shape[1] == 1))


def _as_float(image: Image) -> Tensor:
    if isinstance(image, Tensor):
        return image.detach() if image.dtype in FLOATS else image.detach().to(torch.float32)
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float64))


def _check_range(batches: list[Tensor]) -> None:
    for batch in batches:
        low, high = (float(value) for value in torch.aminmax(batch))
        if not (low >= 0 and high <= 255):
            raise ValueError(f"expected values in 0-255, found {low:g} to {high:g}")


def metric_of_fused(
    name: str, smallest: int = 1
) -> Callable[[Callable[[Tensor], Tensor]], Callable[[Image], Score]]:
    """Make a metric of the fused image from the function of a batch that computes it.

    The function takes the fused images as floats, (B, 1, H, W), in 0-255, and returns one number
    for each, (B,). The metric takes one image or a batch, an array or a tensor: see `as_batch`.

    Args:
        name: What error messages call the metric.
        smallest: Shortest side that the metric can be computed for, pixels.
    """

    def decorate(function: Callable[[Tensor], Tensor]) -> Callable[[Image], Score]:
        @wraps(function)
        def score(fused: Image) -> Score:
            (batch,), give_back = as_batch(fused)
            _check_size(name, batch, smallest)
            return give_back(function(batch))

        return score

    return decorate


def metric_of_sources(
    name: str, smallest: int = 1, pair: bool = False, double: bool = False
) -> Callable[
    [Callable[Concatenate[Sequence[Tensor], Tensor, P], Tensor]],
    Callable[Concatenate[Sequence[Image], Image, P], Score],
]:
    """Make a metric of sources and fused image from the function of batches that computes it.

    The function takes the sources, each (B, 1, H, W), and the fused images, (B, 1, H, W), as floats
    in 0-255, and returns one number for each fused image, (B,). The metric takes single images or
    batches, all of them arrays or all of them tensors: see `as_batch`.

    Args:
        name: What error messages call the metric.
        smallest: Shortest side that the metric can be computed for, pixels.
        pair: True if the metric is defined for exactly two sources.
        double: True to compute in float64 whatever the type.
    """

    def decorate(
        function: Callable[Concatenate[Sequence[Tensor], Tensor, P], Tensor],
    ) -> Callable[Concatenate[Sequence[Image], Image, P], Score]:
        @wraps(function)
        def score(
            sources: Sequence[Image], fused: Image, *args: P.args, **options: P.kwargs
        ) -> Score:
            if pair and len(sources) != 2:
                raise ValueError(f"{name} is defined for 2 sources, found {len(sources)}")
            (*batches, batch), give_back = as_batch(*sources, fused, double=double)
            _check_size(name, batch, smallest)
            return give_back(function(batches, batch, *args, **options))

        return score

    return decorate


def _check_size(name: str, batch: Tensor, smallest: int) -> None:
    height, width = batch.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"{name} needs at least {smallest} x {smallest} pixels, found {height} x {width}"
        )


def round_half_up(batch: Tensor) -> Tensor:
    """Round to whole numbers, halves upwards, with a margin for the rounding errors of float32."""
    return torch.floor(batch + HALF)


def image_mean(batch: Tensor) -> Tensor:
    """Return the mean of each image, (B,)."""
    return batch.mean(dim=(1, 2, 3))


def image_sum(batch: Tensor) -> Tensor:
    """Return the sum of each image, (B,)."""
    return batch.sum(dim=(1, 2, 3))


def is_constant(batch: Tensor) -> Tensor:
    """Return True for each image whose pixels are all equal, (B,)."""
    flat = batch.flatten(1)
    return flat.amin(dim=1) == flat.amax(dim=1)
