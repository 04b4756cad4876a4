"""How much may be uploaded."""

from collections.abc import Sequence
from pathlib import Path

MAX_PIXELS = 50_000_000  # of all sources together
MAX_FILE_BYTES = 300 * 2**20  # a source of `MAX_PIXELS` in color and 16 bits


def check_pixels(paths: Sequence[Path]) -> None:
    """Refuse images that are too large together, by their headers, before one is decoded.

    A file without a known header counts as nothing: reading it says what is wrong with it.

    Raises:
        ValueError: there are more than `MAX_PIXELS` pixels.
    """
    from PIL import Image

    total, size = 0, ""
    for path in paths:
        try:
            with Image.open(path) as image:
                total += image.width * image.height
                size = f" ({image.width}x{image.height})"
        except OSError:  # not an image, or damaged
            continue
        except Image.DecompressionBombError:  # more than Pillow looks at
            total += MAX_PIXELS + 1
        if total > MAX_PIXELS:
            raise ValueError(
                f"The images are too large: with {path.name}{size} they have more than "
                f"{MAX_PIXELS // 10**6} million pixels together."
            )
