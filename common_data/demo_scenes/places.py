"""Roads, facades and skies that the scenes are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from demo_scenes.planes import Block, Cutout
from demo_scenes.surfaces import Look
from demo_scenes.textures import Array, Colour, Texture, hashed, noise_texture, photo_texture, tree


def gray(values: Array, tint: Colour) -> Array:
    """Colour a gray texture (N, 1)."""
    return values * np.float32(tint)


@dataclass
class Road:
    """Street along z with pavements, or a country road with verges.

    Args:
        half: Half width of the carriageway, metres.
        verge: `slabs`, `grass` or `gravel` beside it.
        asphalt: Temperature of the carriageway; `beside` that of the verge.
        wet: Mirror reflectance of the carriageway.
        crossing: z range of a zebra crossing.
        hot: Warm patches on the ground: x, z, radius, kelvin.
    """

    half: float = 3.6
    verge: str = "slabs"
    asphalt: float = 12.0
    beside: float = 10.5
    wet: float = 0.0
    crossing: tuple[float, float] | None = None
    hot: Sequence[tuple[float, float, float, float]] = ()

    def __call__(self, x: Array, z: Array, footprint: Array) -> Look:
        """Return the ground's appearance at x, z."""
        look = Look.plain(x.size, self.asphalt)
        wide = footprint * 2.5
        patch = noise_texture(1.6, 9.0, 1).sample(x, z, wide)
        grit = photo_texture("gravel", 1.6).sample(x, z, wide) - 1
        tar = np.float32([0.052, 0.053, 0.056])
        look.albedo = tar * (1 + 0.13 * patch) * (1 + 0.30 * grit)
        paint = self._markings(x, z) * np.clip(0.92 + 0.16 * patch[:, 0] + 0.1 * grit[:, 0], 0, 1)
        look.albedo += paint[:, None] * (np.float32([0.62, 0.62, 0.58]) - look.albedo)
        ruts = np.exp(-(((np.abs(np.abs(x) - self.half / 2) - 0.75) / 0.3) ** 2))
        look.celsius += 0.35 * patch[:, 0] + 0.7 * ruts - 0.25 * paint
        look.mirror = np.clip(self.wet * (1 + 1.2 * patch[:, 0]), 0, 0.3) * (1 - 0.5 * paint)
        if self.wet:
            ripple = noise_texture(0.6, 2.0, 5).sample(x, z, footprint)[:, 0] * 0.012
            look.normal[:, 2] += ripple
            look.normal[:, 0] += 0.4 * ripple[::-1]
            look.normal /= np.linalg.norm(look.normal, axis=1, keepdims=True)
        aside = np.flatnonzero(np.abs(x) > self.half)
        look.put(aside, self._verge(x[aside], z[aside], wide[aside]))
        for hx, hz, radius, kelvin in self.hot:
            gap = ((x - hx) / radius) ** 2 + ((z - hz) / (radius * 1.8)) ** 2
            look.celsius += kelvin * np.exp(-gap)
        return look

    def _markings(self, x: Array, z: Array) -> Array:
        if self.half < 1:
            return np.zeros_like(x)
        dash = (np.abs(x) < 0.07) & (z % 6 < 3)
        edge = np.abs(np.abs(x) - self.half + 0.28) < 0.06
        painted = dash | edge
        if self.crossing is not None:
            near, far = self.crossing
            band = (z > near - 1) & (z < far + 0.4)
            stripes = (z > near) & (z < far) & (x % 0.95 < 0.5) & (np.abs(x) < self.half - 0.2)
            painted = np.where(band, stripes, painted)
        return painted.astype(np.float32)

    def _verge(self, x: Array, z: Array, footprint: Array) -> Look:
        look = Look.plain(x.size, self.beside)
        patch = noise_texture(1.3, 7.0, 2).sample(x, z, footprint)
        if self.verge == "slabs":
            tile = hashed(np.floor(x / 0.6), np.floor(z / 0.6))[:, None]
            joint = ((x % 0.6 < 0.02) | (z % 0.6 < 0.02))[:, None] & (footprint < 0.12)[:, None]
            stone = photo_texture("gravel", 3.0).sample(x, z, footprint) - 1
            look.albedo = gray(
                1 + 0.1 * patch + 0.18 * (tile - 0.5) + 0.2 * stone, (0.2, 0.19, 0.175)
            )
            look.albedo = np.where(joint, look.albedo * 0.5, look.albedo)
            kerb = np.abs(np.abs(x) - self.half - 0.08) < 0.08
            look.albedo[kerb] = gray(1 + 0.1 * patch[kerb], (0.29, 0.285, 0.27))
            look.celsius += 0.3 * tile[:, 0] + np.where(kerb, 0.8, 0)
        else:
            tint = {"grass": (0.055, 0.085, 0.025), "gravel": (0.23, 0.21, 0.18)}[self.verge]
            value = photo_texture(self.verge, 1.8).sample(x, z, footprint)
            look.albedo = gray(value * (1 + 0.16 * patch), tint)
            look.celsius += 0.9 * (value[:, 0] - 1)
        look.celsius += 0.4 * patch[:, 0]
        look.albedo = np.clip(look.albedo, 0.002, 0.9).astype(np.float32)
        return look


@dataclass
class Sign:
    """Picture on a face: `at` its lower left corner, `size` in metres.

    `glow` is the radiance of its white; `celsius` replaces the wall's temperature.
    """

    picture: Array
    face: int
    at: tuple[float, float]
    size: tuple[float, float]
    glow: float = 0.0
    celsius: float | None = None
    mirror: float = 0.0
    texture: Texture = field(init=False)

    def __post_init__(self) -> None:
        self.texture = Texture(self.picture, 1.0)

    def put(self, look: Look, u: Array, v: Array, face: Array, footprint: Array) -> None:
        """Draw the picture over the appearance of a wall."""
        across, up = (u - self.at[0]) / self.size[0], (v - self.at[1]) / self.size[1]
        inside = (face == self.face) & (across > 0) & (across < 1) & (up > 0) & (up < 1)
        index = np.flatnonzero(inside)
        ratio = self.picture.shape[0] / self.picture.shape[1]
        if self.face == 0:
            across = 1 - across
        colour = self.texture.sample(
            across[index], up[index] * ratio, footprint[index] / self.size[0]
        )
        look.albedo[index] = np.clip(colour, 0, 1) * (0.05 if self.glow else 0.8)
        look.glow[index] = colour * self.glow
        look.mirror[index] = self.mirror
        if self.celsius is not None:
            look.celsius[index] = self.celsius + 0.4 * (up[index] - 0.5)


@dataclass
class Facade:
    """Wall with rows of windows, as a `Block` paint.

    Args:
        wall: `brick`, `plaster` or `paint` (smooth).
        tint: Albedo of the wall.
        storey: Height of a storey; 0 for a wall without windows.
        bay: Distance between windows.
        lit: Share of lit windows.
        celsius: Temperature of the wall.
        shop: Height of the ground floor, which has no windows of this kind.
        signs: Pictures on the wall.
        seed: Which windows are lit.
        glow: Radiance of lit windows.
    """

    wall: str
    tint: Colour
    storey: float = 3.2
    bay: float = 2.2
    lit: float = 0.0
    celsius: float = 12.0
    shop: float = 0.0
    signs: Sequence[Sign] = ()
    seed: int = 0
    glow: float = 0.5

    def __call__(self, u: Array, v: Array, face: Array, footprint: Array) -> Look:
        """Return the wall's appearance, see `Block`."""
        look = Look.plain(u.size, self.celsius)
        wide = footprint * 1.4
        stain = noise_texture(1.5, 8.0, 7).sample(u, v, wide)
        if self.wall == "brick":
            value = photo_texture("brick", 3.4).sample(v, u, wide)
            value = 1 + 1.5 * (value - 1)
        else:
            rough = 0.4 if self.wall == "plaster" else 0.08
            value = 1 + rough * (photo_texture("gravel", 2.2).sample(u, v, wide) - 1)
        look.albedo = gray(value * (1 + 0.10 * stain), self.tint)
        look.celsius += 0.35 * stain[:, 0] + 0.9 * np.exp(-v / 1.2) + 0.5 * (value[:, 0] - 1)
        if self.storey:
            self._windows(look, u, v, face)
        for sign in self.signs:
            sign.put(look, u, v, face, footprint)
        look.albedo = np.clip(look.albedo, 0.002, 0.95).astype(np.float32)
        return look

    def _windows(self, look: Look, u: Array, v: Array, face: Array) -> None:
        side = np.isin(face, (0, 1, 3, 4)) & (v > self.shop)
        column, row = np.floor(u / self.bay), np.floor((v - self.shop) / self.storey)
        x = u / self.bay - column - 0.5
        y = (v - self.shop) / self.storey - row
        opening = side & (np.abs(x) < 0.26) & (y > 0.28) & (y < 0.84)
        rim = side & (np.abs(x) < 0.31) & (y > 0.24) & (y < 0.88) & ~opening
        sash = opening & ((np.abs(x) < 0.018) | (np.abs(np.abs(x) - 0.25) < 0.014)
                          | (np.abs(y - 0.62) < 0.01) | (y > 0.825) | (y < 0.295))  # fmt: skip
        chance = hashed(column, row * 3 + face, self.seed)
        lamp = opening & ~sash & (chance < self.lit)
        pane = opening & ~sash
        look.albedo[rim] = look.albedo[rim] * 0.5 + 0.14
        look.albedo[pane], look.mirror[pane] = 0.015, 0.09
        look.albedo[sash] = 0.42
        blind = np.clip(1.2 - 0.5 * np.abs(y - 0.62) - 0.9 * np.abs(x), 0.2, 1.2)
        blind *= 0.7 + 0.6 * hashed(column, row, self.seed + 3)
        curtain = np.abs(np.sin(u * 21)) * 0.3 * (np.abs(x) > 0.13)
        warm = np.float32([1.0, 0.68, 0.32]) * self.glow
        look.glow[lamp] = warm * (blind * (1 - curtain))[lamp, None]
        look.celsius[pane] += np.where(chance[pane] < self.lit, 2.5, -0.6)
        look.emissivity[pane] = 0.87
        look.celsius[rim] += 0.9


def slanted(u: Array) -> Array:
    """Return a smooth step of u from 0 to 1."""
    h = np.clip(u, 0, 1)
    return h * h * (3 - 2 * h)


@dataclass
class Air:
    """Sky: horizon and zenith colours, clouds, a sun, and its thermal side.

    Args:
        horizon: Radiance at the horizon.
        zenith: Radiance overhead.
        cloud: Colour of clouds; their cover is `cover` in [0, 1].
        sun: Direction of the sun.
        disc: Radiance of the sun; its halo follows.
        cold: Apparent temperature overhead; `warm` at the horizon.
    """

    horizon: Colour
    zenith: Colour
    cloud: Colour = (0.8, 0.8, 0.82)
    cover: float = 0.0
    sun: tuple[float, float, float] | None = None
    disc: Colour = (60.0, 45.0, 25.0)
    cold: float = -25.0
    warm: float = 4.0

    def _clouds(self, ray: Array) -> Array:
        height = np.maximum(ray[:, 1], 0.02) + 0.12
        u, v = ray[:, 0] / height, ray[:, 2] / height
        field_ = noise_texture(1.7, 6.0, 11).sample(u, v * 1.6, 0.02 / height)[:, 0]
        return slanted((field_ + self.cover * 3 - 1.5) / 1.6) * slanted(ray[:, 1] / 0.1)

    def __call__(self, ray: Array) -> Array:
        """Return visible radiance (N, 3) along rays."""
        up = np.sqrt(np.clip(ray[:, 1:2], 0, 1))
        out = np.float32(self.horizon) * (1 - up) + np.float32(self.zenith) * up
        if self.cover:
            cloud = self._clouds(ray)[:, None]
            out = out * (1 - 0.8 * cloud) + np.float32(self.cloud) * cloud * 0.8
        if self.sun is not None:
            axis = np.float32(self.sun) / np.linalg.norm(self.sun)
            near = np.clip(ray @ axis, 0, 1)[:, None]
            disc = np.float32(self.disc)
            out = out + disc * (
                slanted((near - 0.9990) / 0.0007) + 0.03 * near**400 + 0.006 * near**30
            )
        return out.astype(np.float32)

    def celsius(self, ray: Array) -> Array:
        """Return apparent temperatures (N,) along rays."""
        up = np.sqrt(np.clip(ray[:, 1], 0, 1))
        out = self.warm + (self.cold - self.warm) * slanted(up * 1.5)
        if self.cover:
            out += 0.45 * self._clouds(ray) * (self.warm - out)
        return out.astype(np.float32)


def planted(seed: int, at: tuple[float, float, float], width: float, celsius: float) -> Cutout:
    """Plant a tree."""
    colour, alpha = tree(seed)
    return Cutout(Texture(colour, 1.0), Texture(alpha, 1.0), at, width, celsius)


def post(x: float, z: float, height: float, celsius: float = 9.0) -> Block:
    """Put up a lamp post."""
    paint = Facade("plaster", (0.05, 0.055, 0.05), storey=0, celsius=celsius)
    return Block((x - 0.05, 0, z - 0.05), (x + 0.05, height, z + 0.05), paint)
