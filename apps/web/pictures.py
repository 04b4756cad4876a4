"""What the page shows of images, in 8 bits and of a size for a screen."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SCREEN = 2048  # pixels of the longer side
THUMBNAIL = 480


def picture(image: NDArray[Any], side: int = SCREEN) -> NDArray[np.uint8]:
    """Return an image for the screen, (h, w, 3), of at most `side` pixels a side.

    Args:
        image: (H, W) or (H, W, 3); 8 or 16 bits, or floating point, which is shown from its least
            to its greatest value unless it is in [0, 1].
        side: Larger images are reduced to it.
    """
    scale = side / max(image.shape[:2])
    if scale < 1:
        size = [max(1, round(scale * length)) for length in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if image.dtype.kind == "f":
        low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
        image = np.rint(255 * (image - low) / (high - low)).astype(np.uint8)
    elif image.dtype == np.uint16:
        image = np.rint(image / 257).astype(np.uint8)
    return image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
