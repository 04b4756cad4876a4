"""Infrared/visible scenes in smoke, in fog and against the light."""

from __future__ import annotations

from demo_scenes.cars import car
from demo_scenes.figures import Outfit, Pose, bicycle, person, rider_pose
from demo_scenes.lights import Light, Plume, headlamps
from demo_scenes.places import Air, Facade, Road, Sign, planted
from demo_scenes.planes import Block, Ground
from demo_scenes.render import Camera, Scene
from demo_scenes.surfaces import Surface
from demo_scenes.textures import lettering, photo


def smoky_yard() -> tuple[Scene, Camera]:
    """Yard by day: smoke hides one of three people from the eye, not from the heat."""
    signs = [
        Sign(
            lettering("WORKSHOP 7", (0.9, 0.9, 0.85), (0.02, 0.08, 0.2)), 3, (7.1, 3.6), (3.2, 0.8)
        ),
        Sign(
            lettering("NO\nPARKING", (0.6, 0.03, 0.02), (0.85, 0.85, 0.8), (128, 128)),
            3,
            (12.4, 1.2),
            (0.9, 0.9),
        ),
        Sign(lettering("GATE B", (0.1, 0.1, 0.1), (0.75, 0.55, 0.05)), 3, (15.6, 3.7), (1.9, 0.5)),
    ]
    wall = Facade(
        "brick", (0.3, 0.14, 0.09), storey=4.2, bay=3.3, celsius=17.5, shop=1.0, signs=signs
    )
    house = Facade("plaster", (0.42, 0.38, 0.3), celsius=19, seed=3)
    surfaces: list[Surface] = [
        Ground(Road(-1.0, "gravel", 19, 18.5)),
        Block((-10, 0, 14.5), (12, 6.6, 22), wall),
        Block((8.2, 0, 3), (16, 8, 13.5), house),
        planted(3, (-7.4, 0, 13.2), 7.0, 15.5),
        car((-4.6, 0, 10.2), 1.25, (0.5, 0.5, 0.48), engine=46, air=20),
        person(
            (-0.35, 0, 8.6), 2.6, Outfit(top=(0.4, 0.15, 0.03), top_celsius=27, trouser_celsius=26)
        ),
        person(
            (1.15, 0, 9.6),
            3.6,
            Outfit(top=(0.07, 0.12, 0.2), top_celsius=26.5),
            Pose((0.1, -0.1), (0.1, 0.1), (0.2, 0.9), (0.4, 0.9)),
        ),
        person(
            (4.3, 0, 9.0),
            4.3,
            Outfit(
                top=(0.5, 0.48, 0.4),
                trousers=(0.06, 0.09, 0.17),
                top_celsius=26,
                trouser_celsius=25.5,
            ),
        ),
    ]
    sun = Light((2.6, 2.35, 1.95), (-0.55, 0.62, -0.45), sun=True, size=0.012)
    air = Air((0.72, 0.8, 0.9), (0.22, 0.38, 0.72), cover=0.45, cold=-20, warm=9)
    scene = Scene(surfaces, [sun], air, air.celsius, (0.5, 0.62, 0.85), (0.16, 0.14, 0.11),
                  haze=0.0008, air=16, plume=Plume(0.1, 6.6, 0.34, 0.75))  # fmt: skip
    return scene, Camera(320, 240, (0.2, 1.7, 0.0), 0.03, -0.02, 56)


def foggy_road() -> tuple[Scene, Camera]:
    """Country road in fog: a cyclist and walkers beyond the sight of the eye."""
    barn = Facade("brick", (0.25, 0.12, 0.09), celsius=8, seed=3)
    surfaces: list[Surface] = [
        Ground(Road(3.0, "grass", 8.0, 5.5, hot=[(1.5, 31, 1.0, 7.0)])),
        Block((9, 0, 30), (20, 6, 44), barn),
        planted(21, (-6.2, 0, 11), 7.0, 6.0),
        planted(22, (-7.2, 0, 21), 8.0, 6.0),
        planted(23, (6.4, 0, 17), 7.0, 6.0),
        planted(24, (-6.6, 0, 34), 8.0, 6.0),
        car((1.5, 0, 31.0), 3.14, (0.3, 0.3, 0.3), lamps=40, engine=40, air=8),
        car((2.1, 0, 12.2), 0.06, (0.32, 0.3, 0.25), lamps=6, engine=32, air=8),
        bicycle((-1.5, 0, 15.5), 3.0, (0.3, 0.3, 0.3)),
        person(
            (-1.53, 0, 15.74),
            3.0,
            Outfit(top=(0.3, 0.3, 0.3), top_celsius=19, trouser_celsius=18),
            rider_pose(0.4),
        ),
        person(
            (-3.6, 0, 18.0), 2.9, Outfit(top=(0.25, 0.1, 0.1), top_celsius=17, trouser_celsius=16)
        ),
        person(
            (-4.3, 0, 18.4),
            3.2,
            Outfit(top=(0.12, 0.14, 0.18), top_celsius=18, trouser_celsius=16.5),
            Pose((-0.3, 0.3)),
            0.95,
        ),
    ]
    lights = headlamps((60, 58, 52), (0.9, 2.1), 28.8, (-0.05, -0.04, -1))
    fog = (0.58, 0.6, 0.63)
    air = Air(fog, fog, cold=1, warm=5)
    scene = Scene(surfaces, lights, air, air.celsius, (0.6, 0.62, 0.66), (0.12, 0.12, 0.1),
                  haze=0.13, haze_colour=fog, haze_thermal=0.012, air=5)  # fmt: skip
    return scene, Camera(321, 241, (0.0, 1.6, 0.0), -0.01, -0.02, 52)


def underpass() -> tuple[Scene, Camera]:
    """Underpass against the light: people in front of a bright mouth."""
    wall_signs = [
        Sign(lettering("FUSE!", (0.6, 0.1, 0.35), (0.16, 0.2, 0.3)), 0, (8.0, 0.8), (3.4, 1.3)),
        Sign(lettering("EXIT 2", (0.9, 0.9, 0.9), (0.02, 0.2, 0.08)), 1, (7.8, 2.2), (1.9, 0.55)),
        Sign(photo("chelsea"), 1, (10.2, 0.8), (2.0, 1.3)),
    ]
    concrete = Facade("plaster", (0.3, 0.29, 0.27), storey=0, celsius=13.5, signs=wall_signs)
    street = Facade("plaster", (0.6, 0.52, 0.4), celsius=24, seed=3)
    surfaces: list[Surface] = [
        Ground(Road(2.2, "slabs", 14, 13.5, wet=0.008, hot=[(1.0, 24, 1.2, 8)])),
        Block((-4.4, 0, -1), (-3.4, 3.4, 17), concrete),
        Block((3.4, 0, -1), (4.4, 3.4, 17), concrete),
        Block((-4.4, 3.2, -1), (4.4, 4.6, 17), concrete),
        Block((-16, 0, 40), (14, 9, 50), street),
        planted(31, (-4.6, 0, 28), 8.0, 17),
        planted(33, (5.2, 0, 33), 8.0, 17),
        car((1.2, 0, 23.0), 3.14, (0.4, 0.08, 0.05), lamps=12, engine=42, air=20),
        person(
            (-2.3, 0, 8.2),
            2.8,
            Outfit(
                top=(0.12, 0.1, 0.2), top_celsius=22.5, trouser_celsius=21, bag=(0.2, 0.15, 0.05)
            ),
        ),
        person(
            (2.7, 0, 10.4),
            4.1,
            Outfit(top=(0.05, 0.05, 0.06), top_celsius=22, trouser_celsius=21),
            Pose((0.05, -0.05), (0.05, 0.05), (0.1, 0.7), (0.2, 1.5)),
        ),
        person((0.35, 0, 15.5), 0.1, Outfit(top=(0.1, 0.2, 0.12), top_celsius=23)),
        bicycle((-2.75, 0, 11.2), 0.05, (0.05, 0.12, 0.3), -0.12),
    ]
    sun = Light((7.5, 7, 6), (0.35, 0.8, -0.3), sun=True, size=0.01)
    lights = [sun, Light((0.3, 0.27, 0.2), (0, 2.6, 6.0), size=0.1)]
    air = Air((2.4, 2.7, 3.0), (0.8, 1.4, 2.6), (4, 4, 4), 0.5, cold=-15, warm=14)
    scene = Scene(surfaces, lights, air, air.celsius, (0.55, 0.6, 0.7), (0.05, 0.05, 0.045),
                  haze=0.003, haze_colour=(1.2, 1.3, 1.4), air=16)  # fmt: skip
    return scene, Camera(336, 252, (0.1, 1.6, 0.0), 0.0, -0.01, 60)
