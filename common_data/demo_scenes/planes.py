"""Flat things that rays meet: boxes, the ground and upright cut-outs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo_scenes.surfaces import FAR, Look, length, slab
from demo_scenes.textures import Array, Texture

FacePaint = Callable[[Array, Array, Array, Array], Look]


@dataclass
class Block:
    """Axis-aligned box; `paint(u, v, face, footprint)` gets metres along and up each face.

    Faces: 0 left (-x), 1 right (+x), 2 top, 3 front (-z), 4 back (+z), 5 bottom. With
    `inside`, rays meet the far sides and normals point inwards (a room, an underpass).
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    paint: FacePaint
    label: int = 0
    inside: bool = False

    def hit(self, origin: Array, ray: Array, far: Array) -> Array:
        """Return the distance along each ray, or FAR."""
        enter, leave = slab(origin, ray, np.float32(self.low), np.float32(self.high))
        if self.inside:
            return np.where(leave > 1e-3, leave, FAR).astype(np.float32)
        return np.where((enter < leave) & (enter > 1e-3), enter, FAR).astype(np.float32)

    def look(self, points: Array, footprint: Array) -> Look:
        """Return the appearance at points on the surface."""
        low, high = np.float32(self.low), np.float32(self.high)
        gaps = np.abs(np.concatenate([points - low, points - high], 1))
        face = np.array([0, 5, 3, 1, 2, 4])[gaps.argmin(1)]
        x, y, z = (points - low).T
        side = np.isin(face, (0, 1))
        u = np.where(side, z, x)
        v = np.where(np.isin(face, (2, 5)), z, y)
        look = self.paint(u, v, face, footprint)
        outward = np.float32([[-1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1], [0, -1, 0]])
        look.normal = outward[face] * (-1 if self.inside else 1)
        return look

    def light_passes(self, points: Array, ray: Array, far: Array) -> Array:
        """Return 0 where the box stands between a point and its light, else 1."""
        if self.inside:
            return np.ones(far.size, np.float32)
        enter, leave = slab(points, ray, np.float32(self.low), np.float32(self.high))
        blocked = (enter < leave) & (leave > 0.02) & (np.maximum(enter, 0) < far)
        return np.where(blocked & (leave - np.maximum(enter, 0) > 0.03), 0, 1).astype(np.float32)

    def distance(self, points: Array) -> Array:
        """Return the distance to the box."""
        low, high = np.float32(self.low), np.float32(self.high)
        gap = np.maximum(low - points, points - high)
        outside = length(np.maximum(gap, 0)) + np.minimum(functools.reduce(np.maximum, gap.T), 0)
        return np.abs(outside) if self.inside else outside


@dataclass
class Ground:
    """Plane y = 0; `paint(x, z, footprint)` gives its appearance."""

    paint: Callable[[Array, Array, Array], Look]
    label: int = 0

    def hit(self, origin: Array, ray: Array, far: Array) -> Array:
        """Return the distance along each ray, or FAR."""
        down = ray[:, 1] < -1e-5
        t = -origin[:, 1] / np.where(down, ray[:, 1], -1)
        return np.where(down & (t > 1e-3), t, FAR).astype(np.float32)

    def look(self, points: Array, footprint: Array) -> Look:
        """Return the appearance at points on the surface."""
        return self.paint(points[:, 0], points[:, 2], footprint)

    def light_passes(self, points: Array, ray: Array, far: Array) -> Array:
        """Return 1: no light comes from below."""
        return np.ones(far.size, np.float32)

    def distance(self, points: Array) -> Array:
        """Return the height."""
        return points[:, 1]


@dataclass
class Cutout:
    """Upright picture with opacity, facing the camera: a tree.

    Args:
        colour: (H, W, 3), albedo.
        alpha: (H, W), opacity.
        at: World position of the middle of its foot.
        width: Metres.
        celsius: Temperature.
    """

    colour: Texture
    alpha: Texture
    at: tuple[float, float, float]
    width: float
    celsius: float
    label: int = 0

    def _opaque(self, points: Array, footprint: Array | float) -> Array:
        u = (points[:, 0] - self.at[0]) / self.width + 0.5
        v = (points[:, 1] - self.at[1]) / self.width
        inside = (u > 0.01) & (u < 0.99) & (v > 0.01) & (v < 0.99)
        return np.where(inside, self.alpha.sample(u, v, footprint)[:, 0], 0).astype(np.float32)

    def hit(self, origin: Array, ray: Array, far: Array) -> Array:
        """Return the distance along each ray, or FAR."""
        ahead = np.where(np.abs(ray[:, 2]) < 1e-6, np.float32(1e-6), ray[:, 2])
        t = (self.at[2] - origin[:, 2]) / ahead
        index = np.flatnonzero((t > 1e-2) & (t < far))
        out = np.full(far.size, FAR, np.float32)
        points = origin[index] + ray[index] * t[index, None]
        solid = self._opaque(points, t[index] * 0.002 / self.width) > 0.45
        out[index[solid]] = t[index[solid]]
        return out

    def look(self, points: Array, footprint: Array) -> Look:
        """Return the appearance at points on the surface."""
        look = Look.plain(len(points), self.celsius)
        u = (points[:, 0] - self.at[0]) / self.width + 0.5
        v = (points[:, 1] - self.at[1]) / self.width
        look.albedo = self.colour.sample(u, v, footprint / self.width)
        tilt = np.stack([(u - 0.5) * 1.6, v - 0.2, np.full_like(u, -0.7)], 1)
        look.normal = (tilt / length(tilt)[:, None]).astype(np.float32)
        look.celsius += look.albedo[:, 1] * 8
        return look

    def light_passes(self, points: Array, ray: Array, far: Array) -> Array:
        """Return how much light gets through, in [0, 1]."""
        ahead = np.where(np.abs(ray[:, 2]) < 1e-6, np.float32(1e-6), ray[:, 2])
        t = (self.at[2] - points[:, 2]) / ahead
        index = np.flatnonzero((t > 0.3) & (t < far))
        out = np.ones(far.size, np.float32)
        out[index] -= self._opaque(points[index] + ray[index] * t[index, None], 0.02)
        return out

    def distance(self, points: Array) -> Array:
        """Return FAR: foliage casts no ambient occlusion."""
        return np.full(len(points), FAR, np.float32)
