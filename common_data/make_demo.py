"""Draw the demo pictures: python common_data/make_demo.py [--output DIR] [--scene NAME ...].

Needs numpy, opencv-python and scikit-image; the pictures themselves are committed, so that
nobody needs this script to use them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from prepare import check_output

from demo_scenes import brackets, obscured, streets
from demo_scenes.cameras import expose, thermal_image
from demo_scenes.render import Camera, Scene, render
from demo_scenes.textures import Array
from public_sets.catalogue import DataError


@dataclass
class Pair:
    """How an infrared/visible scene is photographed.

    Args:
        scene: Builds the scene.
        exposure: Factor from radiance to sensor units.
        span: Temperatures that the thermal camera shows black and white, Celsius.
        noise: Noise of the visible camera.
        depth: Bits of the thermal file; 16 fills the whole range.
    """

    scene: Callable[[], tuple[Scene, Camera]]
    exposure: float
    span: tuple[float, float]
    noise: float = 0.008
    depth: int = 8


@dataclass
class Bracket:
    """How an exposure scene is photographed: `exposures` by file name."""

    radiance: Callable[[], Array]
    exposures: dict[str, float]


PAIRS = {
    "night_street": Pair(streets.night_street, 5.5, (0, 28), 0.012),
    "smoky_yard": Pair(obscured.smoky_yard, 1.05, (5, 38)),
    "dusk_cyclist": Pair(streets.dusk_cyclist, 1.5, (3, 33), 0.009),
    "noon_crossing": Pair(streets.noon_crossing, 1.1, (14, 50)),
    "foggy_road": Pair(obscured.foggy_road, 1.0, (3.2, 24)),
    "underpass": Pair(obscured.underpass, 0.75, (6, 33), 0.009, 16),
}
BRACKETS = {
    "window_room": Bracket(brackets.window_room, {"under": 0.045, "over": 3.0}),
    "desk_lamp": Bracket(brackets.desk_lamp, {"under": 0.09, "over": 2.4}),
    "rocket_launch": Bracket(brackets.rocket_launch, {"ev-2": 0.3, "ev0": 1.2, "ev+2": 4.8}),
    "sunset_street": Bracket(brackets.sunset_street, {"ev-2": 0.4, "ev0": 1.6, "ev+2": 6.4}),
}


def write(path: Path, image: np.ndarray) -> None:
    """Write a PNG; colour images come as RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = image[..., ::-1] if image.ndim == 3 else image
    if not cv2.imwrite(str(path), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"cannot write {path} (--output)")


def draw_pair(name: str, folder: Path) -> None:
    """Draw the visible, infrared and label pictures of one scene."""
    pair, seed = PAIRS[name], list(PAIRS).index(name)
    view = render(*pair.scene())
    heat = thermal_image(view.celsius, 200 + seed, pair.span)
    write(folder / "vis" / f"{name}.png", expose(view.radiance, pair.exposure, seed, pair.noise))
    top, kind = (255, np.uint8) if pair.depth == 8 else (65535, np.uint16)
    write(folder / "ir" / f"{name}.png", np.rint(heat * top).astype(kind))
    write(folder / "labels" / f"{name}.png", view.labels)


def draw_bracket(name: str, folder: Path) -> None:
    """Draw the exposures of one scene."""
    bracket, seed = BRACKETS[name], 100 + 10 * list(BRACKETS).index(name)
    radiance = bracket.radiance()
    for index, (stem, exposure) in enumerate(bracket.exposures.items()):
        write(folder / name / f"{stem}.png", expose(radiance, exposure, seed + index, 0.004))


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description="Draw the demo pictures.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    here = Path(__file__).resolve().parent
    parser.add_argument("--output", type=Path, default=here / "demo", help="folder to write to")
    names = [*PAIRS, *BRACKETS]
    parser.add_argument("--scene", nargs="+", choices=names, default=names, help="what to draw")
    return parser


def main(args: argparse.Namespace) -> int:
    """Draw the scenes asked for; return the exit status."""
    try:
        check_output(args.output)
        for name in args.scene:
            print(f"drawing {name}", flush=True)
            if name in PAIRS:
                draw_pair(name, args.output / "ir_vis")
            else:
                draw_bracket(name, args.output / "exposures")
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(build_parser().parse_args()))
