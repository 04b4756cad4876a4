"""Infrared/visible scenes in streets."""

from __future__ import annotations

from demo_scenes.cars import car
from demo_scenes.figures import Outfit, Pose, bicycle, person, rider_pose
from demo_scenes.lights import Light, headlamps
from demo_scenes.places import Air, Facade, Road, Sign, planted, post
from demo_scenes.planes import Block, Ground
from demo_scenes.render import Camera, Scene
from demo_scenes.surfaces import Surface
from demo_scenes.textures import lettering, photo


def _night_signs() -> list[Sign]:
    cafe = lettering("CAFE LUNA", (1, 0.75, 0.3), (0.06, 0.01, 0.01))
    books = lettering("BOOKS", (0.5, 0.9, 1), (0.01, 0.02, 0.05))
    return [
        Sign(cafe, 1, (11.2, 3.0), (3.6, 0.75), glow=1.6, celsius=13),
        Sign(photo("coffee"), 1, (11.4, 0.7), (3.2, 2.1), glow=0.9, celsius=14.5, mirror=0.05),
        Sign(books, 1, (16.2, 3.0), (2.6, 0.7), glow=1.2, celsius=13),
        Sign(photo("astronaut"), 1, (16.5, 0.7), (2.0, 2.1), glow=0.5, celsius=14, mirror=0.05),
    ]


def _market_signs() -> list[Sign]:
    market = lettering("MARKET HALL", (0.85, 0.8, 0.65), (0.05, 0.16, 0.08))
    hotel = lettering("HOTEL", (0.9, 0.9, 0.9), (0.3, 0.02, 0.03))
    return [
        Sign(market, 0, (13.6, 3.0), (4.4, 0.8)),
        Sign(photo("coffee"), 0, (14.2, 0.8), (3.2, 2.0), celsius=24, mirror=0.06),
        Sign(hotel, 0, (20, 3.9), (3.0, 1.0)),
    ]


def night_street() -> tuple[Scene, Camera]:
    """Wet street at night: cafe, oncoming car, pedestrians in the dark."""
    shops = Facade(
        "brick",
        (0.22, 0.1, 0.07),
        lit=0.3,
        celsius=10.5,
        shop=3.9,
        signs=_night_signs(),
        seed=4,
        glow=0.5,
    )
    flats = Facade("plaster", (0.2, 0.19, 0.16), lit=0.25, celsius=9.5, seed=9, glow=0.4)
    tower = Facade(
        "plaster", (0.1, 0.1, 0.11), lit=0.35, celsius=8, seed=2, glow=0.3, storey=3, bay=1.8
    )
    hot = [(1.9, 20.0, 1.1, 9.0), (-2.7, 10.5, 0.9, 4.0)]
    surfaces: list[Surface] = [
        Ground(Road(3.6, "slabs", 9.0, 8.0, wet=0.035, hot=hot)),
        Block((-16, 0, 1), (-6.2, 13, 30), shops),
        Block((6.4, 0, 2), (16, 11, 34), flats),
        Block((-22, 0, 48), (18, 17, 60), tower),
        car((1.9, 0, 20.0), 3.14, (0.08, 0.09, 0.1), lamps=30, engine=44, air=8),
        car((-2.75, 0, 11.0), 0.0, (0.25, 0.02, 0.02), engine=19, air=8),
        person((2.05, 0, 10.2), 1.45, Outfit(top_celsius=20, trouser_celsius=18), scale=1.0),
        person(
            (4.6, 0, 12.6), 0.15, Outfit(top=(0.05, 0.03, 0.03), top_celsius=21, trouser_celsius=19)
        ),
        person(
            (-4.7, 0, 11.4), 3.0, Outfit(top=(0.25, 0.2, 0.12), top_celsius=21), Pose((0.2, -0.2))
        ),
        post(-4.2, 21, 5.4),
    ]
    lights = [
        Light((9, 6.3, 3.2), (-4.0, 5.4, 20.8), size=0.15),
        Light((2.6, 1.8, 0.9), (-4.0, 5.4, 5.0), size=0.15),
        Light((4, 2.8, 1.5), (4.4, 5.4, 30), size=0.15),
        Light((2.2, 1.5, 0.7), (-5.6, 2.2, 14.0), size=0.5),
        Light((0.8, 1.1, 1.3), (-5.6, 2.2, 18.6), size=0.5),
        *headlamps((7, 6.5, 5.6), (1.3, 2.5), 17.7, (-0.1, -0.07, -1)),
    ]
    air = Air((0.006, 0.006, 0.008), (0.002, 0.0025, 0.005), cold=-30, warm=3)
    scene = Scene(surfaces, lights, air, air.celsius, (0.004, 0.0045, 0.007), haze=0.002,
                  haze_colour=(0.008, 0.007, 0.006), air=7)  # fmt: skip
    return scene, Camera(320, 240, (-0.6, 1.65, 0.5), 0.03, -0.035, 58)


def dusk_cyclist() -> tuple[Scene, Camera]:
    """Dusk: a cyclist without a lamp against the evening sky."""
    flats = Facade("plaster", (0.3, 0.22, 0.17), lit=0.3, celsius=15.5, seed=5, glow=0.9)
    brick = Facade("brick", (0.26, 0.12, 0.08), lit=0.2, celsius=16.5, seed=8, glow=0.9)
    far = Facade("plaster", (0.16, 0.15, 0.16), lit=0.25, celsius=12, seed=1, glow=0.5)
    hot = [(1.7, 15, 1.0, 8.0)]
    surfaces: list[Surface] = [
        Ground(Road(3.6, "slabs", 17, 14, crossing=(8.4, 11.2), hot=hot)),
        Block((-18, 0, 6), (-7.5, 9.5, 26), flats),
        Block((8.2, 0, 9), (18, 8, 32), brick),
        Block((-26, 0, 60), (-9, 12, 70), far),
        Block((5, 0, 66), (24, 9, 76), far),
        planted(5, (-5.6, 0, 22), 7.0, 12.5),
        planted(8, (6.6, 0, 27), 6.5, 12.5),
        planted(6, (-6.2, 0, 36), 8.0, 12.0),
        car((1.75, 0, 15.4), 3.14, (0.28, 0.3, 0.33), lamps=10, engine=40, air=13),
        bicycle((-1.5, 0, 7.2), 0.5, (0.3, 0.02, 0.02)),
        person(
            (-1.5 - 0.24 * 0.48, 0, 7.2 - 0.24 * 0.88),
            0.5,
            Outfit(top=(0.05, 0.08, 0.12), top_celsius=25, trouser_celsius=24),
            rider_pose(0.9),
        ),
        person(
            (4.7, 0, 9.0),
            2.9,
            Outfit(top=(0.18, 0.05, 0.05), top_celsius=23.5, bag=(0.1, 0.1, 0.04)),
        ),
        person(
            (5.3, 0, 8.4),
            3.1,
            Outfit(top=(0.1, 0.1, 0.09), hair=(0.2, 0.12, 0.05), top_celsius=24),
            Pose((-0.25, 0.3)),
            0.94,
        ),
        post(4.3, 20, 6.0, 12),
    ]
    lights = [Light((6, 4.2, 2.2), (4.1, 6.0, 20), size=0.15)]
    lights += headlamps((5, 4.6, 4), (1.2, 2.3), 13.1, (-0.05, -0.08, -1))
    air = Air((0.95, 0.5, 0.28), (0.08, 0.13, 0.3), (0.75, 0.36, 0.3), 0.5,
              sun=(-0.12, 0.035, 1), disc=(9, 4, 1.5), cold=-22, warm=7)  # fmt: skip
    scene = Scene(surfaces, lights, air, air.celsius, (0.13, 0.14, 0.22), (0.03, 0.025, 0.025),
                  haze=0.004, haze_colour=(0.5, 0.3, 0.22), air=12)  # fmt: skip
    return scene, Camera(480, 360, (0.3, 1.6, 0.0), -0.02, 0.02, 58)


def noon_crossing() -> tuple[Scene, Camera]:
    """Noon: hard shadows hide people from the eye, hot asphalt from the heat."""
    right = Facade("brick", (0.36, 0.19, 0.13), celsius=27, shop=3.9, signs=_market_signs(), seed=6)
    left = Facade("plaster", (0.55, 0.47, 0.33), celsius=33, seed=7)
    end = Facade("plaster", (0.45, 0.44, 0.42), celsius=31, seed=2, storey=3.0)
    dress = Outfit(
        (0.5, 0.06, 0.08),
        (0.5, 0.06, 0.08),
        hair=(0.15, 0.07, 0.03),
        top_celsius=33,
        trouser_celsius=33,
    )
    shirt = Outfit((0.65, 0.65, 0.62), (0.07, 0.1, 0.2), top_celsius=32.5, trouser_celsius=33)
    shade = Outfit((0.05, 0.05, 0.055), (0.04, 0.04, 0.05), top_celsius=31, trouser_celsius=30.5)
    surfaces: list[Surface] = [
        Ground(
            Road(
                3.6,
                "slabs",
                39,
                33,
                crossing=(8.0, 11.0),
                hot=[(4.2, 9, 2.2, -9), (4.6, 16, 2.4, -9)],
            )
        ),
        Block((6.0, 0, 1), (16, 12.5, 31), right),
        Block((-18, 0, 4), (-7.0, 9, 30), left),
        Block((-14, 0, 52), (16, 11, 60), end),
        planted(11, (-5.6, 0, 19), 6.5, 26),
        planted(4, (-5.4, 0, 30), 6.0, 26),
        car((-1.8, 0, 15.0), 0.0, (0.03, 0.1, 0.28), engine=58, air=40),
        car((1.9, 0, 24.0), 3.14, (0.6, 0.58, 0.52), engine=60, air=38),
        person((-1.2, 0, 9.4), 1.6, dress),
        person((0.9, 0, 9.9), 4.6, shirt, Pose((-0.3, 0.35), (0.5, 0.1), (0.4, -0.3))),
        person((4.9, 0, 9.6), 2.9, shade),
        person((5.2, 0, 13.5), 0.2, shade),
        bicycle((4.2, 0, 11.6), 2.7, (0.04, 0.2, 0.12)),
    ]
    sun = Light((4.6, 4.3, 3.8), (0.62, 0.9, 0.12), sun=True, size=0.006)
    air = Air((0.75, 0.88, 1.05), (0.2, 0.42, 0.95), (1.3, 1.3, 1.3), 0.35, cold=-8, warm=24)
    scene = Scene(surfaces, [sun], air, air.celsius, (0.22, 0.3, 0.46), (0.12, 0.11, 0.09),
                  haze=0.0015, haze_colour=(0.7, 0.8, 0.95), air=29)  # fmt: skip
    return scene, Camera(320, 256, (-0.3, 1.65, 0.0), 0.04, 0.0, 60)
