"""Textures: photographs that scikit-image ships, fractal noise, lettering and trees."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Texture:
    """Repeating image, sampled bilinearly from the pyramid level that fits the footprint.

    Args:
        image: (H, W) or (H, W, C), any range.
        metres: Width that one repetition covers.
    """

    def __init__(self, image: Array, metres: float) -> None:
        level = np.atleast_3d(image).astype(np.float32)
        self.metres = metres
        self.levels = [level]
        while min(level.shape[:2]) >= 8:
            size = (level.shape[1] // 2, level.shape[0] // 2)
            level = np.atleast_3d(cv2.resize(level, size, interpolation=cv2.INTER_AREA))
            self.levels.append(level)

    def sample(self, u: Array, v: Array, footprint: Array | float) -> Array:
        """Return (N, C) values at u, v in metres; footprint is the pixel's width there."""
        texel = self.metres / self.levels[0].shape[1]
        depth = np.log2(np.maximum(np.broadcast_to(footprint, u.shape) / texel, 1.0))
        depth = np.minimum(depth.astype(np.int32), len(self.levels) - 1)
        out = np.empty((u.size, self.levels[0].shape[2]), np.float32)
        for index in np.unique(depth):
            chosen = depth == index
            out[chosen] = self._bilinear(self.levels[index], u[chosen], v[chosen])
        return out

    def _bilinear(self, image: Array, u: Array, v: Array) -> Array:
        height, width = image.shape[:2]
        scale = width / self.metres
        x, y = u * scale - 0.5, -v * scale - 0.5
        x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - x0)[:, None], (y - y0)[:, None]
        x0, x1, y0, y1 = x0 % width, (x0 + 1) % width, y0 % height, (y0 + 1) % height
        top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
        return top * (1 - fy) + (image[y1, x0] * (1 - fx) + image[y1, x1] * fx) * fy


def linear(image: NDArray[np.uint8]) -> Array:
    """Remove the sRGB curve: 8 bits to linear light in [0, 1]."""
    x = image.astype(np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def photo(name: str) -> Array:
    """Return a photograph that the scikit-image wheel holds, in linear light."""
    return linear(getattr(skimage.data, name)())


@lru_cache
def photo_texture(name: str, metres: float) -> Texture:
    """Return a gray photograph, mirrored to repeat without seams, scaled to mean 1."""
    image = photo(name)
    image = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
    return Texture(image / image.mean(), metres)


def fractal(size: int, power: float, seed: int) -> Array:
    """Return (size, size) repeating noise of spectrum 1/f^power, mean 0, deviation 1."""
    noise = np.random.default_rng(seed).standard_normal((size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.fft2(noise) / frequency**power
    spectrum[0, 0] = 0
    field = np.fft.ifft2(spectrum).real
    return (field / field.std()).astype(np.float32)


@lru_cache
def noise_texture(power: float, metres: float, seed: int) -> Texture:
    """Return fractal noise as a texture, mean 0, deviation 1."""
    return Texture(fractal(512, power, seed), metres)


def hashed(a: Array, b: Array, seed: float = 0.0) -> Array:
    """Return a repeatable pseudo-random number in [0, 1) per pair of cell numbers."""
    value = np.sin(a.astype(np.float64) * 12.9898 + b * 78.233 + seed * 37.719) * 43758.5453
    return (value - np.floor(value)).astype(np.float32)


Colour = tuple[float, float, float]


def lettering(text: str, ink: Colour, paper: Colour, size: tuple[int, int] = (256, 64)) -> Array:
    """Return an RGB picture (linear light) of one or more lines of text, framed."""
    width, height = size
    mask = np.zeros((height * 2, width * 2), np.uint8)
    lines = text.split("\n")
    row = height * 2 / len(lines)
    for index, line in enumerate(lines):
        (w, h), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
        scale = min(width * 1.76 / w, row * 0.6 / h)
        at = (int(width - w * scale / 2), int(row * (index + 0.5) + h * scale / 2))
        thick = max(2, round(3 * scale))
        cv2.putText(mask, line, at, cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
    cv2.rectangle(mask, (6, 6), (width * 2 - 7, height * 2 - 7), 255, 4, cv2.LINE_AA)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None] / np.float32(255)
    return share * np.float32(ink) + (1 - share) * np.float32(paper)


def tree(seed: int, leaves: float = 1.0, size: int = 512) -> tuple[Array, Array]:
    """Return (brightness with leaf colour (S, S, 3), opacity (S, S)) of a tree."""
    rng = np.random.default_rng(seed)
    colour = np.full((size, size, 3), 0.02, np.float32)
    alpha = np.zeros((size, size), np.float32)
    tips: list[tuple[float, float]] = []

    def branch(x: float, y: float, angle: float, length: float, depth: int) -> None:
        x1, y1 = x + length * np.cos(angle), y - length * np.sin(angle)
        width = max(1, int(size * 0.032 * 0.66 ** (7 - depth)))
        ends = (int(x), int(y)), (int(x1), int(y1))
        cv2.line(alpha, *ends, 1.0, width, cv2.LINE_AA)
        cv2.line(colour, *ends, (0.06, 0.045, 0.03), width, cv2.LINE_AA)
        if depth <= 3:
            tips.append((x1, y1))
        if depth:
            for turn in rng.normal((-0.42, 0.05, 0.45), 0.16)[: 3 if depth > 3 else 2]:
                branch(x1, y1, angle + turn, length * rng.uniform(0.66, 0.82), depth - 1)

    branch(size / 2, size - 1, np.pi / 2 + rng.normal(0, 0.05), size * 0.22, 7)
    order = rng.permutation(len(tips))[: int(len(tips) * leaves)]
    for index in order:
        x, y = tips[index]
        for _ in range(5):
            at = (int(x + rng.normal(0, size * 0.018)), int(y + rng.normal(0, size * 0.016)))
            shade = rng.uniform(0.35, 1.0) * (0.55 + 0.6 * (1 - y / size))
            axes = (int(rng.integers(2, 7)), int(rng.integers(2, 4)))
            tilt = float(rng.uniform(0, 180))
            tint = (0.10 * shade + rng.uniform(0, 0.02), 0.17 * shade, 0.035 * shade)
            cv2.ellipse(colour, at, axes, tilt, 0, 360, tint, -1, cv2.LINE_AA)
            cv2.ellipse(alpha, at, axes, tilt, 0, 360, 1.0, -1, cv2.LINE_AA)
    return colour, alpha
