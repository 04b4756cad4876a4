"""Cameras: from radiance or temperature to the pixels of a file."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from demo_scenes.textures import Array


def bloom(radiance: Array, strength: float) -> Array:
    """Scatter a share of the light, as a lens does around lamps."""
    halo = np.zeros_like(radiance)
    for sigma, share in ((1.5, 0.5), (5, 0.3), (16, 0.2)):
        halo += share * cv2.GaussianBlur(radiance, (0, 0), sigma)
    return radiance * (1 - strength) + halo * strength


def vignette(shape: tuple[int, int], strength: float) -> Array:
    """Return the fall-off of light towards the corners, (H, W)."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    return 1 - strength * (x**2 + y**2) / 2


def expose(
    radiance: Array,
    exposure: float,
    seed: int,
    noise: float = 0.01,
    knee: float = 0.75,
    glare: float = 0.06,
) -> NDArray[np.uint8]:
    """Photograph a scene in colour.

    Args:
        radiance: (H, W, 3), linear.
        exposure: Factor that brings radiance to sensor units, where 1 saturates.
        seed: Seed of the noise.
        noise: Read noise; shot noise is `noise * sqrt(signal)`.
        knee: Where the response begins to roll off towards saturation.
        glare: Share of light scattered in the lens.

    Returns:
        (H, W, 3) sRGB, 8 bits.
    """
    rng = np.random.default_rng(seed)
    light = bloom(radiance.astype(np.float32), glare) * exposure
    light *= vignette(light.shape[:2], 0.22)[..., None]
    grain = rng.standard_normal(light.shape).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.7
    light += grain * (noise * np.sqrt(np.maximum(light, 0)) + noise * 0.22)
    over = np.maximum(light - knee, 0)
    light = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee)))
    light = np.clip(light, 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(curve * 255).astype(np.uint8)


def thermal_image(
    celsius: Array,
    seed: int,
    span: tuple[float, float],
    blur: float = 0.9,
    noise: float = 0.06,
) -> Array:
    """Take a thermal picture, white hot, in [0, 1].

    Args:
        celsius: (H, W), apparent temperature.
        seed: Seed of the noise.
        span: Temperatures shown black and white.
        blur: Deviation of the lens blur, pixels.
        noise: Noise-equivalent temperature difference, kelvin.
    """
    rng = np.random.default_rng(seed)
    seen = cv2.GaussianBlur(celsius.astype(np.float32), (0, 0), blur)
    seen += noise * rng.standard_normal(seen.shape).astype(np.float32)
    seen += 0.5 * noise * rng.standard_normal((1, seen.shape[1])).astype(np.float32)
    local = seen - cv2.GaussianBlur(seen, (0, 0), 12)
    seen += 0.25 * np.clip(local, -3, 3)
    x = (seen - span[0]) / (span[1] - span[0])
    x = np.where(x > 0.8, 0.8 + 0.2 * (1 - np.exp(-(x - 0.8) / 0.2)), x)
    x = np.where(x < 0.1, 0.1 * np.exp((np.maximum(x, -2) - 0.1) / 0.1), x)
    return np.clip(x * vignette(x.shape, 0.06), 0, 1).astype(np.float32)
