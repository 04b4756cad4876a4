"""The exposure scenes: radiance maps with more range than one exposure holds."""

from __future__ import annotations

import cv2
import numpy as np

from demo_scenes.figures import Outfit, Pose, person
from demo_scenes.lights import Light
from demo_scenes.places import Air, Facade, Sign, gray, planted
from demo_scenes.planes import Block, Ground
from demo_scenes.render import Camera, Scene, render
from demo_scenes.streets import dusk_cyclist
from demo_scenes.surfaces import Look, Surface
from demo_scenes.textures import Array, hashed, noise_texture, photo, photo_texture


def _floor(x: Array, z: Array, footprint: Array) -> Look:
    """Floor boards inside (z < 6), lawn outside."""
    look = Look.plain(x.size)
    board = np.floor(x / 0.16)
    length = np.floor((z + 3 * hashed(board, board)) / 1.4)
    tone = 0.75 + 0.5 * hashed(board, length)
    grain = noise_texture(0.9, 1.3, 17).sample(x * 4, z * 0.4, footprint)
    wood = gray(tone[:, None] * (1 + 0.10 * grain), (0.27, 0.155, 0.075))
    wood[x % 0.16 < 0.006] *= 0.35
    lawn = gray(photo_texture("grass", 2.0).sample(x, z, footprint), (0.1, 0.17, 0.045))
    outside = z > 6
    look.albedo = np.where(outside[:, None], lawn, wood).astype(np.float32)
    look.mirror = np.where(outside, 0, 0.035).astype(np.float32)
    return look


def _books(seed: int) -> Array:
    """Paint a shelf of books, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    shelf = np.full((320, 240, 3), 0.02, np.float32)
    for row in range(4):
        x, floor = 8, row * 80 + 74
        while x < 226:
            wide, tall = int(rng.integers(5, 13)), int(rng.integers(44, 66))
            tone = np.float32(rng.uniform(0.03, 0.4, 3)) * rng.uniform(0.4, 1)
            shelf[floor - tall : floor, x : x + wide] = tone
            shelf[floor - tall + 8 : floor - tall + 13, x + 1 : x + wide - 1] = tone * 1.8
            x += wide + 1
        shelf[floor : floor + 6] = (0.2, 0.12, 0.06)
    shelf[:, :6] = shelf[:, -6:] = (0.2, 0.12, 0.06)
    return shelf


def _room() -> list[Block]:
    """Walls of a room, 5 m wide, with a window in the far wall at z = 6."""
    paper = (0.52, 0.47, 0.38)
    left = [
        Sign(photo("chelsea"), 1, (5.2, 1.3), (1.05, 0.7)),
        Sign(_books(4), 1, (3.2, 0.05), (1.4, 2.0)),
    ]
    right = [Sign(photo("astronaut"), 0, (4.6, 1.15), (0.85, 0.95))]
    wall = Facade("paint", paper, storey=0)
    white = Facade("paint", (0.65, 0.64, 0.6), storey=0)
    oak = Facade("paint", (0.24, 0.13, 0.06), storey=0)
    box = [((-2.6, 0, -1), (-2.5, 2.7, 6), Facade("paint", paper, storey=0, signs=left)),
           ((2.5, 0, -1), (2.6, 2.7, 6), Facade("paint", paper, storey=0, signs=right)),
           ((-2.6, 2.7, -1), (2.6, 2.8, 6.2), white),
           ((-2.6, 0, 6), (2.6, 0.75, 6.2), wall), ((-2.6, 2.35, 6), (2.6, 2.8, 6.2), wall),
           ((-2.6, 0.7, 6), (-1.1, 2.4, 6.2), wall), ((1.1, 0.7, 6), (2.6, 2.4, 6.2), wall),
           ((-2.6, 0, -1.2), (2.6, 2.7, -1), wall),
           ((-1.2, 0.72, 5.88), (1.2, 0.77, 6.0), white),
           ((0.5, 0.68, 3.3), (2.1, 0.73, 4.3), oak)]  # fmt: skip
    box += [((x, 0.72, 6.06), (x + 0.07, 2.38, 6.12), white) for x in (-1.12, -0.035, 1.05)]
    box += [((-1.1, y, 6.06), (1.1, y + 0.06, 6.12), white) for y in (0.74, 1.72, 2.3)]
    box += [((x, 0, z), (x + 0.06, 0.7, z + 0.06), oak) for x in (0.55, 1.99) for z in (3.35, 4.19)]
    things = [((0.95, 0.73, 3.6), (1.25, 0.77, 3.85), (0.3, 0.05, 0.04)),
            ((1.0, 0.77, 3.62), (1.22, 0.8, 3.82), (0.04, 0.1, 0.25)),
            ((1.55, 0.73, 3.75), (1.64, 0.86, 3.84), (0.6, 0.58, 0.5))]  # fmt: skip
    box += [(low, high, Facade("paint", tint, storey=0)) for low, high, tint in things]
    return [Block(low, high, paint) for low, high, paint in box]


def window_room() -> Array:
    """Dim room with a sunlit garden outside its window."""
    garden = Facade("brick", (0.4, 0.2, 0.13), storey=0)
    surfaces: list[Surface] = [Ground(_floor), *_room(), Block((-9, 0, 17), (9, 1.5, 17.3), garden)]
    surfaces += [planted(51, (-2.2, 0, 14), 5.5, 15), planted(52, (2.9, 0, 16), 6.0, 15)]
    reader = Outfit(top=(0.35, 0.08, 0.06), trousers=(0.06, 0.08, 0.14))
    pose = Pose((0.05, -0.05), (0.05, 0.08), (0.1, 0.75), (0.2, 1.6))
    surfaces.append(person((-1.25, 0, 4.9), 2.2, reader, pose, 0.97))
    glass = [(x, y, 5.95) for x in (-0.8, -0.27, 0.27, 0.8) for y in (1.0, 1.55, 2.1)]
    lights = [
        Light((0.36, 0.42, 0.5), at, aim=(0, -0.15, -1), cone=(-0.1, 1.0), size=0.12)
        for at in glass
    ]
    lights.append(Light((26, 24, 20), (0.35, 0.75, 0.5), sun=True, size=0.008))
    air = Air((8, 9, 10), (3.5, 5.5, 9.5), (13, 13, 13), 0.5)
    ambient, bounce = (0.05, 0.052, 0.055), (0.035, 0.028, 0.02)
    scene = Scene(surfaces, lights, air, air.celsius, ambient, bounce)
    return render(scene, Camera(320, 240, (0.15, 1.5, -0.6), -0.01, -0.03, 58)).radiance


def _pool(shape: tuple[int, int], middle: tuple[float, float], radius: float) -> Array:
    """Return the light of a lamp over a table, 1 in the middle, (H, W, 1)."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    gap = np.hypot(x / shape[1] - middle[0], (y - middle[1] * shape[0]) / shape[1])
    return (1 / (1 + (gap / radius) ** 2) ** 2.5)[..., None]


def desk_lamp() -> Array:
    """Coffee on a table, at night, in the light of one lamp."""
    table = cv2.resize(photo("coffee"), (336, 224), interpolation=cv2.INTER_AREA)
    pool = _pool(table.shape[:2], (0.3, 0.22), 0.2)
    shiny = np.clip((table.min(2, keepdims=True) - 0.45) / 0.5, 0, 1) ** 2
    lamp = np.float32([1.0, 0.74, 0.46]) * (9 * pool + 30 * pool**2 * shiny)
    return table * (lamp + np.float32([0.05, 0.065, 0.1]))


def rocket_launch() -> Array:
    """Launch at dusk: the exhaust outshines the plain a hundredfold."""
    frame = cv2.resize(photo("rocket"), (336, 224), interpolation=cv2.INTER_AREA)
    luma = frame @ np.float32([0.2126, 0.7152, 0.0722])
    gain = 1 / (1.025 - np.clip(luma, 0, 1)[..., None] ** 1.5)
    return frame * gain * 0.9


def sunset_street() -> Array:
    """Street with the sun at its end, from where a second camera stands."""
    scene, _ = dusk_cyclist()
    return render(scene, Camera(352, 240, (1.0, 1.5, 0.5), -0.04, 0.07, 60)).radiance
