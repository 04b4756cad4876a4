"""Cars as distance-field solids."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from demo_scenes.figures import nearest
from demo_scenes.surfaces import Look, Solid
from demo_scenes.textures import Array, Colour

BODY = ((-2.05, 0.3), (-2.14, 0.55), (-2.08, 0.9), (-1.95, 1.0), (-1.2, 1.02), (0.85, 0.97),
        (1.55, 0.86), (2.02, 0.68), (2.13, 0.48), (2.06, 0.28), (1.7, 0.22),
        (-1.7, 0.22))  # fmt: skip
CABIN = ((-1.98, 0.92), (-1.72, 1.22), (-1.3, 1.42), (-0.6, 1.48), (0.0, 1.45), (0.3, 1.36),
         (1.12, 0.92))  # fmt: skip
WHEELS = (-1.28, 1.3)
PAINT, GLASS, TYRE, DARK, LAMP, REAR, PLATE, RIM = range(8)


@lru_cache
def profile(outline: tuple[tuple[float, float], ...]) -> Array:
    """Return the signed distance to a side view on a grid of 1 cm, from (-2.6, -0.3)."""
    scale = 8
    corners = (np.float32(outline) - (-2.6, -0.3)) * 100 * scale
    mask = np.zeros((220 * 4, 520 * 4), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners / 2).astype(np.int32)], 255)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return cv2.resize(outside - inside, (520, 220), interpolation=cv2.INTER_AREA) / 400


def read(grid: Array, z: Array, y: Array) -> Array:
    """Return the side view's distance at local z, y."""
    columns = ((z + 2.6) * 100 - 0.5).astype(np.float32)
    rows = ((y + 0.3) * 100 - 0.5).astype(np.float32)
    out = np.empty(z.size, np.float32)
    for start in range(0, z.size, 30000):
        part = slice(start, start + 30000)
        out[part] = cv2.remap(
            grid, columns[part, None], rows[part, None], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )[:, 0]  # fmt: skip
    return out


def rounded(side: Array, across: Array, radius: float) -> Array:
    """Return the intersection of two distances with a rounded edge."""
    a, b = side + radius, across + radius
    return np.minimum(np.maximum(a, b), 0) + np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - radius


def shape(p: Array) -> tuple[Array, Array]:
    """Return distance and part (0 body, 1 cabin, 2 wheel) of a 4.3 m hatchback."""
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    taper = 0.05 * np.clip(np.abs(z) - 1.3, 0, 1) ** 1.5
    half = 0.87 - 0.10 * np.clip(y - 0.75, -0.2, 1) ** 2 - taper * 3
    body = rounded(read(profile(BODY), z, y), x - half, 0.09)
    arch = np.minimum(*(np.hypot(y - 0.31, z - w) for w in WHEELS))
    body = np.maximum(body, np.minimum(0.37 - arch, 0.9 - x + 0 * arch))
    roof = 0.78 - 0.30 * np.clip(y - 0.9, 0, 1)
    cabin = rounded(read(profile(CABIN), z, y), x - roof, 0.07)
    wheel = rounded(arch - 0.315, np.abs(x - 0.735) - 0.1, 0.03)
    mirror = np.sqrt((x - 0.9) ** 2 + ((y - 0.98) / 0.75) ** 2 + ((z - 0.62) / 0.6) ** 2)
    return nearest([np.minimum(body, mirror * 0.6 - 0.05), cabin, wheel], 0.8)


def parts_seen(p: Array, normal: Array, part: Array) -> Array:
    """Return which finish each surface point of a car has."""
    x, y, z = np.abs(p[:, 0]), p[:, 1], p[:, 2]
    inner = read(profile(CABIN), z, y)
    pane = (inner < -0.075) & (np.abs(z + 0.42) > 0.035) & (np.abs(normal[:, 0]) > 0.5)
    screen = (np.abs(normal[:, 0]) <= 0.5) & (normal[:, 1] < 0.9) & (x < 0.63 - 0.2 * (y - 1))
    screen &= (y < 1.4) & (y > 1.0)
    kind = np.where((part == 1) & (pane | screen) & (y > 0.99), GLASS, PAINT)
    wheel = part == 2
    hub = np.minimum(*(np.hypot(y - 0.31, z - w) for w in WHEELS))
    kind = np.where(wheel, np.where((hub < 0.2) & (x > 0.8), RIM, TYRE), kind)
    low = (y < 0.34) & ~wheel
    grille = (z > 1.9) & (y < 0.56) & (y > 0.36) & (x < 0.52)
    seam = (np.abs(np.abs(z + 0.3) - 0.72) < 0.012) & (y > 0.4) & (x > 0.6)
    seam |= (np.abs(z + 0.36) < 0.01) & (y > 0.4) & (x > 0.6)
    kind = np.where(((low | grille | seam) & (part == 0)), DARK, kind)
    front = (z > 1.62) & (y > 0.56) & (y < 0.74) & (x > 0.46)
    back = (z < -1.86) & (y > 0.66) & (y < 0.88) & (x > 0.48)
    plate = (np.abs(z) > 1.9) & (x < 0.26) & (np.abs(y - np.where(z > 0, 0.44, 0.66)) < 0.06)
    for chosen, name in ((front, LAMP), (back, REAR), (plate, PLATE)):
        kind = np.where(chosen & (part == 0), name, kind)
    return kind


def car(
    at: tuple[float, float, float],
    yaw: float,
    colour: Colour,
    lamps: float = 0.0,
    engine: float = 28.0,
    air: float = 10.0,
) -> Solid:
    """Build a car.

    Args:
        at: Its middle on the ground.
        yaw: 0 drives away from the camera.
        colour: Albedo of the paint.
        lamps: Radiance of the head lamps; the rear lamps follow.
        engine: Temperature of the bonnet over the engine, Celsius; `air` when parked cold.
        air: Temperature of the rest of the body, Celsius.
    """

    def paint(p: Array, normal: Array, part: Array, footprint: Array) -> Look:
        look = Look.plain(len(p))
        kind = parts_seen(p, normal, part)
        finish = [colour, (0.012, 0.014, 0.016), (0.018, 0.018, 0.018), (0.015, 0.015, 0.016)]
        finish += [(0.6, 0.6, 0.62), (0.35, 0.02, 0.02), (0.7, 0.7, 0.66), (0.36, 0.36, 0.38)]
        look.albedo = np.float32(finish)[kind]
        spokes = np.cos(np.arctan2(p[:, 1] - 0.31, np.abs(p[:, 2]) - 1.29) * 5)
        look.albedo *= np.where((kind == RIM) & (spokes < -0.2), 0.15, 1)[:, None]
        look.mirror = np.float32([0.05, 0.08, 0, 0.01, 0.06, 0.05, 0.01, 0.08])[kind]
        glow = np.zeros((8, 3), np.float32)
        glow[LAMP] = np.float32([1, 0.93, 0.78]) * lamps
        glow[REAR] = np.float32([0.22, 0.008, 0.006]) * min(lamps, 4)
        look.glow = glow[kind]
        warm = engine - air
        bonnet = np.exp(-(((p[:, 2] - 1.35) / 0.55) ** 2)) * np.exp(-((p[:, 0] / 0.6) ** 2))
        celsius = air + warm * 0.55 * bonnet
        rub = np.float32([0, 0.5, 0.42 * warm, 0.25 * warm, 0.45 * warm, 1.0, 0, 0.62 * warm])
        celsius = celsius + rub[kind] * (warm > 1)
        grille = (kind == DARK) & (p[:, 2] > 1.8)
        celsius = celsius + np.where(grille, 0.7 * warm, 0)
        exhaust = (p[:, 2] < -1.8) & (p[:, 1] < 0.38) & (p[:, 0] > 0.3)
        look.celsius = (celsius + np.where(exhaust, 0.8 * warm, 0)).astype(np.float32)
        look.emissivity = np.float32([0.8, 0.84, 0.95, 0.94, 0.85, 0.9, 0.9, 0.7])[kind]
        look.normal = normal
        return look

    return Solid(shape, paint, (-1.0, -0.02, -2.2), (1.0, 1.52, 2.2), at, yaw, 1)
