"""What rays meet: distance-field solids, boxes, the ground and upright cut-outs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np

from demo_scenes.textures import Array

FAR = np.float32(1e6)


@dataclass
class Look:
    """Appearance of N surface points.

    Attributes:
        normal: (N, 3), outward, unit length.
        albedo: (N, 3), linear RGB in [0, 1].
        mirror: (N,), reflectance at normal incidence.
        glow: (N, 3), emitted visible radiance.
        celsius: (N,), temperature.
        emissivity: (N,), thermal emissivity.
    """

    normal: Array
    albedo: Array
    mirror: Array
    glow: Array
    celsius: Array
    emissivity: Array

    @classmethod
    def plain(cls, count: int, celsius: float = 10.0) -> Look:
        """Return a mid-gray, matt, unlit appearance of `count` points."""
        return cls(
            np.tile(np.float32([0, 1, 0]), (count, 1)),
            np.full((count, 3), 0.3, np.float32),
            np.zeros(count, np.float32),
            np.zeros((count, 3), np.float32),
            np.full(count, celsius, np.float32),
            np.full(count, 0.95, np.float32),
        )

    def put(self, index: np.ndarray, other: Look) -> None:
        """Write the points of `other` at `index`."""
        for item in fields(self):
            getattr(self, item.name)[index] = getattr(other, item.name)


def length(vectors: Array) -> Array:
    """Return the length of each row of (N, 3): faster than `linalg.norm`."""
    x, y, z = vectors.T
    return np.sqrt(x * x + y * y + z * z)


class Surface(Protocol):
    """Anything that a ray can meet; `label` is its MFNet id."""

    label: int

    def hit(self, origin: Array, ray: Array, far: Array) -> Array:
        """Return the distance along each ray, or FAR."""

    def look(self, points: Array, footprint: Array) -> Look:
        """Return the appearance at points on the surface."""

    def light_passes(self, points: Array, ray: Array, far: Array) -> Array:
        """Return how much light gets through along each ray, in [0, 1]."""

    def distance(self, points: Array) -> Array:
        """Return a distance bound for ambient occlusion, FAR where it casts none."""


def slab(origin: Array, ray: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return where rays enter and leave an axis-aligned box (enter > leave: missed)."""
    safe = np.where(np.abs(ray) < 1e-7, np.float32(1e-7), ray)
    a, b = (low - origin) / safe, (high - origin) / safe
    enter, leave = np.minimum(a, b).T, np.maximum(a, b).T
    enter = np.maximum(np.maximum(enter[0], enter[1]), enter[2])
    return enter, np.minimum(np.minimum(leave[0], leave[1]), leave[2])


Paint = Callable[[Array, Array, Array, Array], Look]


@dataclass
class Solid:
    """Distance-field object in a local frame: x right, y up, z where it faces.

    Args:
        field: Local points (N, 3) to (distance (N,), part number (N,)).
        paint: Local points, local normals, part numbers, footprint to the appearance.
        low: Lower corner of the local bounding box.
        high: Upper corner.
        at: World position of the local origin.
        yaw: Turn about the vertical, radians; 0 faces away from the camera.
        label: MFNet id.
        lean: Sideways tilt, radians.
    """

    field: Callable[[Array], tuple[Array, Array]]
    paint: Paint
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    at: tuple[float, float, float]
    yaw: float
    label: int
    lean: float = 0.0
    axes: Array = field(init=False)

    def __post_init__(self) -> None:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        lc, ls = np.cos(self.lean), np.sin(self.lean)
        turn = np.float32([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        tilt = np.float32([[lc, -ls, 0], [ls, lc, 0], [0, 0, 1]])
        self.axes = turn @ tilt

    def _local(self, points: Array) -> Array:
        return (points - np.float32(self.at)) @ self.axes

    def _march(self, origin: Array, ray: Array, near: Array, far: Array, steps: int) -> Array:
        t, active = near.copy(), np.arange(near.size)
        out = np.full(near.size, FAR, np.float32)
        for _ in range(steps):
            d, _ = self.field(origin[active] + ray[active] * t[active, None])
            touched = d < 0.0015 * np.maximum(t[active], 1.0)
            out[active[touched]] = t[active[touched]]
            t[active] += d
            active = active[~touched & (t[active] < far[active])]
            if not active.size:
                break
        return out

    def hit(self, origin: Array, ray: Array, far: Array) -> Array:
        """Return the distance along each ray, or FAR."""
        o, d = self._local(origin), ray @ self.axes
        enter, leave = slab(o, d, np.float32(self.low), np.float32(self.high))
        enter = np.maximum(enter, 0)
        index = np.flatnonzero((enter < leave) & (enter < far))
        out = np.full(far.size, FAR, np.float32)
        if index.size:
            out[index] = self._march(o[index], d[index], enter[index], leave[index], 48)
        return out

    def look(self, points: Array, footprint: Array) -> Look:
        """Return the appearance at points on the surface."""
        local = self._local(points)
        corners = np.float32([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
        normal = sum(c * self.field(local + 0.004 * c)[0][:, None] for c in corners)
        normal = normal / np.maximum(length(normal)[:, None], 1e-6)
        look = self.paint(local, normal.astype(np.float32), self.field(local)[1], footprint)
        look.normal = look.normal @ self.axes.T
        return look

    def light_passes(self, points: Array, ray: Array, far: Array) -> Array:
        """Return how much light gets through along each ray, in [0, 1]."""
        o, d = self._local(points), ray @ self.axes
        enter, leave = slab(o, d, np.float32(self.low) - 0.1, np.float32(self.high) + 0.1)
        enter, leave = np.maximum(enter, 0.03), np.minimum(leave, far)
        index = np.flatnonzero(enter < leave)
        passed = np.ones(far.size, np.float32)
        t, worst = enter[index], np.ones(index.size, np.float32)
        active = np.arange(index.size)
        for _ in range(28):
            if not active.size:
                break
            picked = index[active]
            gap, _ = self.field(o[picked] + d[picked] * t[active, None])
            worst[active] = np.minimum(worst[active], 18 * gap / np.maximum(t[active], 0.2))
            t[active] += np.maximum(gap, 0.02)
            active = active[(t[active] < leave[picked]) & (worst[active] > 0.01)]
        passed[index] = np.clip(worst, 0, 1)
        return passed

    def distance(self, points: Array) -> Array:
        """Return the distance near the solid, FAR elsewhere."""
        local = self._local(points)
        reach = np.float32(0.7)
        near = (local > np.float32(self.low) - reach) & (local < np.float32(self.high) + reach)
        index = np.flatnonzero(near[:, 0] & near[:, 1] & near[:, 2])
        out = np.full(len(points), FAR, np.float32)
        if index.size:
            out[index] = self.field(local[index])[0]
        return out
