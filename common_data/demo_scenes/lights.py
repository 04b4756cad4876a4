"""Lamps, the sun and smoke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_scenes.surfaces import FAR, length
from demo_scenes.textures import Array, hashed, noise_texture


@dataclass
class Light:
    """Point, spot or (with `sun`) directional light.

    Args:
        colour: Irradiance at 1 m, or everywhere for a sun; linear RGB.
        at: Position, or the direction towards the sun.
        sun: Whether the light is directional.
        aim: Axis of a spot light.
        cone: Cosines of the outer and the inner edge of the spot.
        size: Radius in metres (tangent of the angle for a sun), which softens shadows.
    """

    colour: tuple[float, float, float]
    at: tuple[float, float, float]
    sun: bool = False
    aim: tuple[float, float, float] | None = None
    cone: tuple[float, float] = (0.8, 0.95)
    size: float = 0.02

    def towards(self, points: Array) -> tuple[Array, Array, Array]:
        """Return directions to the light, distances and irradiance (N, 3)."""
        jitter = self._jitter(points) * self.size
        if self.sun:
            way = np.float32(self.at) / np.linalg.norm(self.at) + jitter
            way /= length(way)[:, None]
            irradiance = np.broadcast_to(np.float32(self.colour), points.shape)
            return way, np.full(len(points), FAR), irradiance
        way = np.float32(self.at) + jitter - points
        gap = np.maximum(length(way), 0.05)
        way = way / gap[:, None]
        strength = 1 / (gap**2 + 0.1)
        if self.aim is not None:
            axis = np.float32(self.aim) / np.linalg.norm(self.aim)
            edge = np.clip((-(way @ axis) - self.cone[0]) / (self.cone[1] - self.cone[0]), 0, 1)
            strength = strength * edge**2 * (3 - 2 * edge)
        return way, gap, strength[:, None] * np.float32(self.colour)

    @staticmethod
    def _jitter(points: Array) -> Array:
        a, b = points[:, 0] * 91.7 + points[:, 1] * 57.3, points[:, 2] * 83.1
        return np.stack([hashed(a, b, i) - np.float32(0.5) for i in range(3)], 1) * 2


def headlamps(
    colour: tuple[float, float, float],
    across: tuple[float, float],
    z: float,
    aim: tuple[float, float, float],
) -> list[Light]:
    """Return a car's two head lamps, at x = `across`."""
    return [Light(colour, (x, 0.65, z), aim=aim, cone=(0.9, 0.985)) for x in across]


@dataclass
class Plume:
    """Smoke that rises from the ground at x, z and drifts with the wind.

    Args:
        x: Where it starts.
        z: Depth of its middle layer.
        wind: Sideways drift, metres per metre of height to the power 1.4.
        width: Half width at the ground.
        colour: Radiance of its lit side.
        seed: Seed of its billows.
    """

    x: float
    z: float
    wind: float = 0.3
    width: float = 0.5
    colour: tuple[float, float, float] = (0.62, 0.62, 0.63)
    seed: int = 41

    def layers(self, origin: Array, ray: Array, t: Array) -> list[tuple[Array, Array]]:
        """Return (opacity, brightness) of each layer in front of t, from far to near."""
        return [self._layer(origin, ray, t, k) for k in (1.2, 0.6, 0.0, -0.6, -1.2)]

    def _layer(self, origin: Array, ray: Array, t: Array, offset: float) -> tuple[Array, Array]:
        gap = (self.z + offset - origin[:, 2]) / np.maximum(ray[:, 2], 1e-3)
        x, y = (origin + ray * gap[:, None])[:, :2].T
        height = np.maximum(y, 0)
        middle = self.x + self.wind * height**1.4 + 0.15 * offset
        wide = self.width + 0.34 * height
        envelope = np.exp(-(((x - middle) / wide) ** 2)) * (y > 0.0)
        billow = noise_texture(1.75, 3.4, self.seed)
        u, v = x - 0.5 * self.wind * height + 1.7 * offset, y * 0.8 + 2.3 * offset
        puff = billow.sample(u, v, 0.0)[:, 0]
        lit = puff - billow.sample(u - 0.12, v + 0.16, 0.0)[:, 0]
        density = np.maximum(envelope * (1.05 + 0.75 * puff) - 0.22, 0) * 1.1
        opacity = 1 - np.exp(-density * np.clip(y / 0.25, 0, 1))
        return np.where(gap < t, opacity, 0).astype(np.float32), 0.82 + 0.3 * np.tanh(lit)
