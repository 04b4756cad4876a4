"""Conversions from the channels of an image to the gray values that a convention scores."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MATLAB_GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)  # R, G, B of `rgb2gray`


def luma(channels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the luma of an image, (1 or 3, H, W) to (H, W), not rounded.

    Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, full range). A gray image, also one in three
    channels, keeps its exact values.
    """
    values = channels.astype(np.float64)
    if len(values) == 1:
        return values[0]
    red, green, blue = values
    return green + 0.299 * (red - green) + 0.114 * (blue - green)  # exact where R = G = B


def matlab_gray(channels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the result of MATLAB's `rgb2gray` for bytes, (1 or 3, H, W) to (H, W)."""
    values = channels.astype(np.float64)
    if len(values) == 3:
        values = np.tensordot(MATLAB_GRAY, values, axes=1)[None]
    return np.clip(np.floor(values[0] + 0.5), 0, 255)


def opencv_gray(channels: NDArray[Any]) -> NDArray[np.float64]:
    """Return OpenCV's luma of floats, rounded, halves to even, (1 or 3, H, W) to (H, W).

    OpenCV computes in float32, which decides where halves are rounded to.
    """
    if len(channels) == 3:
        rgb = np.ascontiguousarray(np.moveaxis(channels, 0, 2), dtype=np.float32)
        channels = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[None]
    return np.rint(channels[0]).astype(np.float64)
