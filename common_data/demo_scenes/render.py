"""Ray casting: one scene gives visible radiance, thermal radiance and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from demo_scenes.lights import Light, Plume
from demo_scenes.surfaces import FAR, Look, Surface, length
from demo_scenes.textures import Array

ABOVE = np.float32([0, 1, 0])


@dataclass
class Camera:
    """Pinhole camera; yaw and pitch in radians, 0 looks along +z, level."""

    width: int
    height: int
    at: tuple[float, float, float] = (0.0, 1.6, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    view: float = 55.0
    samples: int = 2

    def rays(self) -> tuple[Array, Array]:
        """Return origins and unit directions, (H * W * samples^2, 3), row by row."""
        rows, columns = self.height * self.samples, self.width * self.samples
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) + 0.5
        focal = columns / 2 / np.tan(np.radians(self.view) / 2)
        ray = np.stack([(x - columns / 2) / focal, (rows / 2 - y) / focal, np.ones_like(x)], -1)
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        tilt = np.float32([[1, 0, 0], [0, c, s], [0, -s, c]])
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        turn = np.float32([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        ray = ray.reshape(-1, 3) @ (turn @ tilt).T
        return np.broadcast_to(np.float32(self.at), ray.shape), ray

    def picture(self, values: Array) -> Array:
        """Average the samples of each pixel: (N,) or (N, C) to (H, W) or (H, W, C)."""
        s = self.samples
        grid = values.reshape(self.height, s, self.width, s, *values.shape[1:])
        return grid.mean((1, 3))

    def pixel_angle(self) -> float:
        """Return the angle that one pixel covers, radians."""
        return 2 * np.tan(np.radians(self.view) / 2) / self.width


Sky = Callable[[Array], Array]


@dataclass
class Scene:
    """What there is to see.

    Args:
        surfaces: Everything that rays meet.
        lights: Lamps and the sun.
        sky: Ray directions (N, 3) to visible radiance (N, 3).
        sky_celsius: Ray directions to the sky's apparent temperature (N,).
        ambient: Light from the upper half of the sky, linear RGB.
        bounce: Light from below.
        haze: Density of fog per metre, for visible light.
        haze_colour: Radiance of fog.
        haze_thermal: Density of fog per metre, for thermal radiation.
        air: Air temperature, Celsius.
        plume: Smoke, opaque to the eye, thin to heat.
    """

    surfaces: Sequence[Surface]
    lights: Sequence[Light]
    sky: Sky
    sky_celsius: Callable[[Array], Array]
    ambient: tuple[float, float, float]
    bounce: tuple[float, float, float] = (0.0, 0.0, 0.0)
    haze: float = 0.0
    haze_colour: tuple[float, float, float] = (0.6, 0.62, 0.65)
    haze_thermal: float = 0.001
    air: float = 10.0
    plume: Plume | None = None


@dataclass
class View:
    """What one camera position sees: pictures of (H, W[, 3])."""

    radiance: Array
    celsius: Array
    labels: np.ndarray
    depth: Array


@dataclass
class Hits:
    """First surface along each ray."""

    t: Array
    who: np.ndarray
    points: Array
    look: Look = field(repr=False)


def cast(scene: Scene, origin: Array, ray: Array, angle: float) -> Hits:
    """Find the nearest surface along each ray and what it looks like there."""
    t = np.full(len(ray), FAR, np.float32)
    who = np.full(len(ray), -1, np.int16)
    for index, surface in enumerate(scene.surfaces):
        gap = surface.hit(origin, ray, t)
        nearer = gap < t
        t[nearer], who[nearer] = gap[nearer], index
    points = origin + ray * np.minimum(t, 500)[:, None]
    look = Look.plain(len(ray))
    for index, surface in enumerate(scene.surfaces):
        chosen = np.flatnonzero(who == index)
        if chosen.size:
            look.put(chosen, surface.look(points[chosen], t[chosen] * angle))
    return Hits(t, who, points, look)


def occlusion(scene: Scene, points: Array, normal: Array) -> Array:
    """Return how open the surroundings are, in [0, 1]."""
    shut = np.zeros(len(points), np.float32)
    for reach, weight in ((0.06, 0.3), (0.2, 0.4), (0.55, 0.45)):
        probe = points + normal * np.float32(reach)
        gap = np.min([surface.distance(probe) for surface in scene.surfaces], axis=0)
        shut += weight * np.clip(1 - gap / reach, 0, 1)
    return np.clip(1 - shut, 0.05, 1)


def shade(scene: Scene, hits: Hits, ray: Array) -> Array:
    """Return the light (N, 3) that matt reflection and glow send back along the rays."""
    seen = np.flatnonzero(hits.who >= 0)
    points, normal = hits.points[seen], hits.look.normal[seen]
    upward = normal[:, 1:2] * 0.5 + 0.5
    light = upward * np.float32(scene.ambient) + (1 - upward) * np.float32(scene.bounce)
    light = light * occlusion(scene, points, normal)[:, None]
    shine = np.zeros_like(light)
    for lamp in scene.lights:
        way, gap, power = lamp.towards(points)
        facing = np.einsum("ij,ij->i", way, normal)
        lit = np.flatnonzero((facing > 0) & (power.max(1) * facing > 1e-4))
        passed = np.ones(lit.size, np.float32)
        start = points[lit] + normal[lit] * np.float32(0.01)
        for surface in scene.surfaces:
            open_ = np.flatnonzero(passed > 0.01)
            passed[open_] *= surface.light_passes(
                start[open_], way[lit[open_]], gap[lit[open_]] - np.float32(0.12)
            )
        received = power[lit] * (facing[lit] * passed)[:, None]
        light[lit] += received
        half = way[lit] - ray[seen[lit]]
        half /= np.maximum(length(half)[:, None], 1e-6)
        gloss = np.clip(np.einsum("ij,ij->i", half, normal[lit]), 0, 1) ** 60
        shine[lit] += received * (gloss * hits.look.mirror[seen[lit]] * 6)[:, None]
    out = scene.sky(ray)
    out[seen] = hits.look.albedo[seen] * light + shine + hits.look.glow[seen]
    return out


def fresnel(hits: Hits, ray: Array) -> Array:
    """Return the mirror reflectance of each hit (Schlick)."""
    facing = np.clip(-np.einsum("ij,ij->i", ray, hits.look.normal), 0, 1)
    base = hits.look.mirror
    polish = np.minimum(base / 0.03, 1)
    return (base + (1 - base) * 0.9 * polish * (1 - facing) ** 5).astype(np.float32)


def radiance(scene: Scene, origin: Array, ray: Array, hits: Hits, angle: float) -> Array:
    """Return visible radiance (N, 3) with one mirror bounce and haze."""
    out = shade(scene, hits, ray)
    share = np.where(hits.who >= 0, fresnel(hits, ray), 0)
    index = np.flatnonzero(share > 0.01)
    if index.size:
        normal, d = hits.look.normal[index], ray[index]
        away = d - 2 * np.einsum("ij,ij->i", d, normal)[:, None] * normal
        start = hits.points[index] + normal * np.float32(0.02)
        mirrored = cast(scene, start, away, angle * 3)
        seen = shade(scene, mirrored, away)
        part = share[index, None]
        out[index] = out[index] * (1 - part) + seen * part
    clear = np.exp(-scene.haze * np.minimum(hits.t, 120))[:, None]
    return out * clear + np.float32(scene.haze_colour) * (1 - clear)


def thermal(scene: Scene, ray: Array, hits: Hits) -> Array:
    """Return apparent temperature (N,): emission, reflected sky and the air between."""
    look = hits.look
    away = ray - 2 * np.einsum("ij,ij->i", ray, look.normal)[:, None] * look.normal
    around = np.where(away[:, 1] > 0.05, scene.sky_celsius(away), scene.air)
    own = look.emissivity * look.celsius + (1 - look.emissivity) * around
    own = np.where(hits.who >= 0, own, scene.sky_celsius(ray))
    clear = np.exp(-scene.haze_thermal * np.minimum(hits.t, 400))
    return (own * clear + scene.air * (1 - clear)).astype(np.float32)


def render(scene: Scene, camera: Camera) -> View:
    """Render one scene: radiance, temperature, labels and depth of each pixel."""
    origin, ray = camera.rays()
    angle = camera.pixel_angle()
    hits = cast(scene, origin, ray, angle)
    light = radiance(scene, origin, ray, hits, angle)
    heat = thermal(scene, ray, hits)
    if scene.plume is not None:
        for opacity, shade_ in scene.plume.layers(origin, ray, hits.t):
            light += (np.float32(scene.plume.colour) * shade_[:, None] - light) * opacity[:, None]
            heat += (scene.air + 4 - heat) * opacity * 0.07
    ids = np.array([surface.label for surface in scene.surfaces] + [0])
    own = ids[hits.who]
    votes = np.stack([camera.picture((own == i).astype(np.float32)) for i in range(4)])
    return View(
        camera.picture(light),
        camera.picture(heat),
        votes.argmax(0).astype(np.uint8),
        camera.picture(np.minimum(hits.t, 400)),
    )
