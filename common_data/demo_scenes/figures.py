"""People, bicycles and cars as distance-field solids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_scenes.surfaces import Look, Solid, length
from demo_scenes.textures import Array, Colour, noise_texture

Point = tuple[float, float, float]
SKIN, HAIR, TOP, TROUSERS, SHOES = range(5)


def limb(p: Array, a: Array, b: Array, start: float, end: float) -> Array:
    """Return the distance to a capsule that narrows from radius `start` to `end`."""
    along, rel = b - a, p - a
    h = np.clip(rel @ along / (along @ along), 0, 1)
    return np.linalg.norm(rel - h[:, None] * along, axis=1) - (start + (end - start) * h)


def ball(p: Array, at: Array, radii: Point) -> Array:
    """Return a distance bound to an ellipsoid."""
    r = np.float32(radii)
    q = p - at
    k0 = length(q / r)
    k1 = np.maximum(length(q / r**2), 1e-6)
    return k0 * (k0 - 1) / k1


def ring(p: Array, at: Array, radius: float, thick: float) -> Array:
    """Return the distance to a torus about the x axis."""
    q = p - at
    return np.hypot(np.hypot(q[:, 1], q[:, 2]) - radius, q[:, 0]) - thick


def blend(a: Array, b: Array, k: float) -> Array:
    """Return the smooth union of two distances."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k * 0.25


def nearest(parts: list[Array], scale: float = 1.0) -> tuple[Array, Array]:
    """Return the union of several distances, scaled, and which of them it comes from."""
    best, which = parts[0], np.zeros(parts[0].size, np.int8)
    for index, part in enumerate(parts[1:], 1):
        which = np.where(part < best, np.int8(index), which)
        best = np.minimum(best, part)
    return best * np.float32(scale), which


@dataclass
class Pose:
    """Angles in radians, forwards positive; left and right."""

    thigh: tuple[float, float] = (0.35, -0.3)
    knee: tuple[float, float] = (0.15, 0.45)
    arm: tuple[float, float] = (-0.35, 0.4)
    elbow: tuple[float, float] = (0.3, 0.5)
    bend: float = 0.04
    hip: float = 0.93


@dataclass
class Outfit:
    """Albedo and temperature of what a person wears; `air` cools the outer layers."""

    top: Colour = (0.05, 0.06, 0.09)
    trousers: Colour = (0.04, 0.045, 0.06)
    skin: Colour = (0.45, 0.29, 0.21)
    hair: Colour = (0.03, 0.02, 0.015)
    shoes: Colour = (0.03, 0.03, 0.03)
    top_celsius: float = 22.0
    trouser_celsius: float = 20.5
    bag: Colour | None = None


def swing(start: Array, length: float, angle: float, out: float = 0.0) -> Array:
    """Return the end of a limb that hangs from `start` and swings forwards by `angle`."""
    way = [out, -np.cos(angle), np.sin(angle)]
    return (start + length * np.float32(way)).astype(np.float32)


def skeleton(pose: Pose) -> dict[str, Array]:
    """Return joint positions of a 1.76 m person in local coordinates."""
    joint: dict[str, Array] = {"hip": np.float32([0, pose.hip, 0])}
    up = np.float32([0, np.cos(pose.bend), np.sin(pose.bend)])
    joint["waist"] = joint["hip"] + 0.17 * up
    joint["chest"] = joint["hip"] + 0.38 * up
    joint["neck"] = joint["hip"] + 0.54 * up
    joint["head"] = joint["neck"] + np.float32([0, 0.17, 0.03 + 0.04 * np.sin(pose.bend)])
    for side, sign, i in (("l", -1, 0), ("r", 1, 1)):
        thigh = joint["hip"] + np.float32([0.095 * sign, -0.02, 0])
        knee = swing(thigh, 0.43, pose.thigh[i], 0.02 * sign)
        ankle = swing(knee, 0.42, pose.thigh[i] - pose.knee[i])
        toe = ankle + np.float32([0.03 * sign, -0.035, 0.15])
        shoulder = joint["hip"] + 0.49 * up + np.float32([0.185 * sign, 0, 0])
        elbow = swing(shoulder, 0.29, pose.arm[i], 0.12 * sign)
        wrist = swing(elbow, 0.25, pose.arm[i] + pose.elbow[i], -0.05 * sign)
        hand = swing(wrist, 0.09, pose.arm[i] + pose.elbow[i])
        names = ("thigh", "knee", "ankle", "toe", "shoulder", "elbow", "wrist", "hand")
        values = (thigh, knee, ankle, toe, shoulder, elbow, wrist, hand)
        joint |= {side + name: value for name, value in zip(names, values, strict=True)}
    return joint


def dress(
    p: Array, normal: Array, part: Array, fold: Array, outfit: Outfit, joints: dict[str, Array]
) -> Look:
    """Return the appearance of a person's surface; `fold` is noise that crumples cloth."""
    look = Look.plain(len(p))
    colours = [outfit.skin, outfit.hair, outfit.top, outfit.trousers, outfit.shoes]
    colours.append(outfit.bag or outfit.top)
    hem = (p[:, 1] < joints["hip"][1] + 0.03) & (part == TOP) & (np.abs(p[:, 0]) < 0.16)
    part = np.where(hem, TROUSERS, part)
    look.albedo = np.float32(colours)[part] * (1 + 0.14 * fold[:, None])
    cool = outfit.top_celsius - 5
    celsius = [33.0, 25.5, outfit.top_celsius, outfit.trouser_celsius, 17.0, cool]
    look.celsius = np.float32(celsius)[part] + 0.7 * fold
    warm = np.exp(-length(p - joints["neck"]) / 0.1)
    look.celsius += np.where(part == TOP, 6 * warm - 1.2 * np.abs(normal[:, 0]), 0)
    worn = (part == TROUSERS) & (np.abs(p[:, 1] - joints["lknee"][1]) < 0.12)
    look.celsius += np.where(worn, 0.8, 0)
    look.mirror = np.where(part == HAIR, 0.01, 0.0).astype(np.float32)
    look.normal = normal
    return look


def person(
    at: Point, yaw: float, outfit: Outfit, pose: Pose | None = None, scale: float = 1.0
) -> Solid:
    """Build a person; `at` is where the feet stand, yaw 0 walks away from the camera."""
    pose = pose or Pose()
    j = skeleton(pose)
    lowest = min(j["lankle"][1], j["rankle"][1]) - 0.075
    if pose.hip == Pose.hip:
        j = {name: value - np.float32([0, lowest, 0]) for name, value in j.items()}

    def body(p: Array) -> tuple[Array, Array]:
        p = p / scale
        top = ball(p, j["chest"], (0.205, 0.25, 0.135))
        top = blend(top, ball(p, j["waist"], (0.165, 0.2, 0.125)), 0.12)
        legs = ball(p, j["hip"], (0.17, 0.14, 0.13))
        shoes, hands = np.full(len(p), 9.0, np.float32), np.full(len(p), 9.0, np.float32)
        for s in "lr":
            legs = blend(legs, limb(p, j[s + "thigh"], j[s + "knee"], 0.1, 0.068), 0.05)
            legs = blend(legs, limb(p, j[s + "knee"], j[s + "ankle"], 0.068, 0.055), 0.03)
            shoes = np.minimum(shoes, limb(p, j[s + "ankle"], j[s + "toe"], 0.052, 0.042))
            top = blend(top, limb(p, j[s + "shoulder"], j[s + "elbow"], 0.075, 0.058), 0.07)
            top = blend(top, limb(p, j[s + "elbow"], j[s + "wrist"], 0.056, 0.043), 0.03)
            hands = np.minimum(hands, limb(p, j[s + "wrist"], j[s + "hand"], 0.032, 0.04))
        skin = ball(p, j["head"], (0.077, 0.115, 0.092))
        skin = blend(skin, limb(p, j["neck"], j["head"], 0.058, 0.05), 0.03)
        skin = np.minimum(skin, hands)
        hair = ball(p, j["head"] + np.float32([0, 0.03, -0.022]), (0.085, 0.105, 0.092))
        parts = [skin, hair, top, legs, shoes]
        if outfit.bag is not None:
            pack = ball(p, j["chest"] + np.float32([0, -0.03, -0.19]), (0.15, 0.23, 0.11))
            parts.append(pack)
        return nearest(parts, 0.85 * scale)

    def paint(p: Array, normal: Array, part: Array, footprint: Array) -> Look:
        fold = noise_texture(1.4, 1.2, 3).sample(
            p[:, 0] + 0.7 * p[:, 2], p[:, 1] * 0.6 + at[0], footprint
        )[:, 0]
        return dress(p / scale, normal, part, fold, outfit, j)

    reach = (0.55 * scale, 1.95 * scale, 0.75 * scale)
    return Solid(body, paint, (-reach[0], -0.05, -reach[2]), reach, at, yaw, 2)


def rider_pose(turn: float) -> Pose:
    """Return the pose of a cyclist whose cranks stand at `turn`."""
    lift = 0.22 * np.sin(turn)
    return Pose(
        thigh=(1.05 + lift, 1.05 - lift),
        knee=(1.15 + lift * 1.6, 1.15 - lift * 1.6),
        arm=(0.95, 0.95),
        elbow=(0.25, 0.25),
        bend=0.5,
        hip=0.98,
    )


def bicycle(at: Point, yaw: float, colour: Colour, lean: float = 0.0) -> Solid:
    """Build a bicycle, 1.7 m long, wheels on the ground at `at`."""
    back, front = np.float32([0, 0.34, -0.52]), np.float32([0, 0.34, 0.52])
    crank, seat = np.float32([0, 0.3, -0.08]), np.float32([0, 0.86, -0.28])
    head, bar = np.float32([0, 0.84, 0.32]), np.float32([0, 0.98, 0.34])
    tubes = ((back, crank), (crank, seat), (seat, head), (crank, head), (head, front))
    tubes += ((back, np.float32([0, 0.8, -0.26])), (head, bar))

    def body(p: Array) -> tuple[Array, Array]:
        tyres = np.minimum(ring(p, back, 0.325, 0.02), ring(p, front, 0.325, 0.02))
        frame = np.min([limb(p, a, b, 0.017, 0.017) for a, b in tubes], axis=0)
        grip = limb(p, np.float32([-0.27, 1.0, 0.3]), np.float32([0.27, 1.0, 0.3]), 0.016, 0.016)
        saddle = ball(p, np.float32([0, 0.93, -0.29]), (0.08, 0.035, 0.14))
        pedals = limb(
            p, crank - np.float32([0.16, 0, 0]), crank + np.float32([0.16, 0, 0]), 0.03, 0.03
        )
        lamp = ball(p, np.float32([0, 0.66, -0.4]), (0.03, 0.03, 0.03))
        dark = np.min([tyres, grip, saddle, pedals], axis=0)
        return nearest([frame, dark, lamp])

    def paint(p: Array, normal: Array, part: Array, footprint: Array) -> Look:
        look = Look.plain(len(p))
        look.albedo = np.float32([colour, (0.025, 0.025, 0.027), (0.5, 0.02, 0.02)])[part]
        look.glow = np.float32([(0, 0, 0), (0, 0, 0), (1.6, 0.04, 0.03)])[part]
        look.mirror = np.float32([0.06, 0.01, 0.02])[part]
        low = p[:, 1] < 0.75
        look.celsius = np.where(low & (part == 1), 14.5, 11.5).astype(np.float32)
        look.celsius += np.where((part == 1) & ~low, 5, 0)
        look.emissivity = np.float32([0.75, 0.95, 0.9])[part]
        look.normal = normal
        return look

    return Solid(body, paint, (-0.32, -0.02, -0.92), (0.32, 1.1, 0.92), at, yaw, 3, lean)
