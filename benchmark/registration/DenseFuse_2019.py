"""What `--register` finds: `cd DenseFuse_2019 && python -m benchmark.registration.DenseFuse_2019`.

It takes the flags of `benchmark.registration` as JSON. The code is that of every method that fuses
visible and infrared images.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmark.metrics import qabf, vif
from benchmark.registration.warps import WARPS, draw_warp
from utils.common.color import luma_of_array
from utils.common.covered import Covered
from utils.common.image import read_image, write_image
from utils.common.infrared_pairs import pairs_in
from utils.common.registered_pairs import place
from utils.common.registration import FAILED, Registration, register
from utils.common.rig import Track, corner_distance
from utils.common.values import Array, to_unit
from utils.util_fusion import ImageFusion

WIDTH = 640  # pixels: errors are given at this width
CLOSE, FAIR = 3, 5  # pixels of those
MARGIN = 0.12  # of the width: cut off before fusing, so that a warp brings in real content


class Pair(NamedTuple):
    """A visible and an infrared image, gray, and what they are called."""

    name: str
    visible: Array
    infrared: Array

    def warped(self, warp: Array) -> Array:
        """Return the infrared image, warped; what comes in from outside is mirrored."""
        size = self.infrared.shape[1], self.infrared.shape[0]
        return cv2.warpPerspective(self.infrared, warp, size, borderMode=cv2.BORDER_REFLECT_101)

    def pixels(self, distance: float) -> float:
        """Return a distance in visible pixels in those of a width of 640."""
        return distance * WIDTH / self.visible.shape[1]


def read_pairs(folder: str, number: int) -> list[Pair]:
    """Return so many pairs of a folder, evenly by name."""
    found = list(pairs_in(Path(folder), "--pairs").items())
    pairs = []
    for index in np.linspace(0, len(found) - 1, number).round().astype(int):
        name, paths = found[index]
        pairs.append(Pair(name, *(luma_of_array(read_image(path)) for path in paths)))
    return pairs


def print_consistency(
    pairs: Sequence[Pair],
    plain: Sequence[Registration],
    model: str,
    size: str,
    seeds: Sequence[int],
) -> None:
    """Print a row: what is found for warped pairs, beside what is found without a warp."""
    errors: list[float] = []
    seconds: list[float] = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for pair, before in zip(pairs, plain, strict=True):
            warp = draw_warp(WARPS[size], pair.infrared.shape, rng)
            moved = pair.warped(warp)
            begun = time.process_time()
            found = register(pair.visible, moved, model)
            seconds.append(time.process_time() - begun)
            if found.status != FAILED:
                off = corner_distance(found.matrix @ warp, before.matrix, pair.infrared.shape)
                errors.append(pair.pixels(off))
    refused = 1 - len(errors) / len(seconds)
    close, fair = (np.mean(np.array(errors) < limit) for limit in (CLOSE, FAIR))
    print(
        f"| {model} | {size} | {refused:.1%} | {np.median(errors):.2f} | {close:.1%} | {fair:.1%} "
        f"| {np.mean(seconds):.2f} |",
        flush=True,
    )


def print_plain(
    sets: Sequence[Sequence[Pair]], plain: Sequence[Registration], names: Sequence[str], model: str
) -> None:
    """Print by how much the pairs of each set are moved as they are."""
    rest = iter(plain)
    for pairs, name in zip(sets, names, strict=True):
        found = [(pair, next(rest)) for pair in pairs]
        moved = [pair.pixels(each.displacement) for pair, each in found if each.status != FAILED]
        print(f"\n{model}: {name} as it is: moved by {np.median(moved):.1f} pixels (median)")


def print_unrelated(pairs: Sequence[Pair], model: str, number: int) -> None:
    """Print how many pairs of different scenes are taken."""
    sure = []
    for index in range(number):
        turn, first = divmod(index, len(pairs))
        second = (first + 7 + 11 * turn) % len(pairs)
        if pairs[first].name == pairs[second].name:  # one scene in two sets
            second = (second + 1) % len(pairs)
        found = register(pairs[first].visible, pairs[second].infrared, model)
        sure.append((found.status != FAILED, found.confidence))
    taken = sum(each for each, _ in sure)
    print(
        f"\n{model}: of {number} pairs of different scenes {taken} taken; highest confidences "
        f"{', '.join(f'{each:.2f}' for each in sorted(one for _, one in sure)[-3:])}"
    )


def print_video(frames: Sequence[Pair], model: str, size: str, seed: int) -> None:
    """Print how far the transforms of a video with one warp spread, before and after smoothing."""
    warp = draw_warp(WARPS[size], frames[0].infrared.shape, np.random.default_rng(seed))
    track = Track(model)
    found: dict[str, list[Array]] = {"single": [], "smoothed": []}
    for frame in frames:
        moved = frame.warped(warp)
        found["single"].append(register(frame.visible, moved, model).matrix @ warp)
        found["smoothed"].append(track(frame.visible, moved).matrix @ warp)
    shape = frames[0].infrared.shape
    spread = {
        kind: max(
            frames[0].pixels(corner_distance(one, np.median(each, axis=0), shape)) for one in each
        )
        for kind, each in found.items()
    }
    print(
        f"| {model} | {size} | {seed} | {len(frames)} | {spread['single']:.2f} "
        f"| {spread['smoothed']:.2f} |",
        flush=True,
    )


def covered_part(share: Array) -> tuple[slice, slice]:
    """Return a rectangle in which the share, (H, W), is 1: worse sides are cut off first."""
    top, left, (bottom, right) = 0, 0, share.shape
    while (part := share[top:bottom, left:right]).min() < 1:
        sides = part[0].mean(), part[-1].mean(), part[:, 0].mean(), part[:, -1].mean()
        worst = int(np.argmin(sides))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    return np.s_[top:bottom, left:right]


def print_fused(pairs: Sequence[Pair], model: str, size: str, seed: int, folder: Path) -> None:
    """Fuse pairs as they are, warped, and registered; write these three, and print scores.

    They are scored by their visible and their infrared image as it is. Beside them stand what is
    lost by drawing the image twice, and what by registering a pair that was not warped.
    """
    fusion, rng = ImageFusion(strategy="l1", device="cpu"), np.random.default_rng(seed)
    scores: defaultdict[str, list[list[float]]] = defaultdict(list)
    for pair in pairs:
        warp = draw_warp(WARPS[size], pair.infrared.shape, rng)
        cut = round(MARGIN * pair.visible.shape[1])
        images = (pair.visible, pair.infrared, pair.warped(warp))
        visible, infrared, moved = (image[cut:-cut, cut:-cut].copy() for image in images)
        found, plain = (register(visible, each, model) for each in (moved, infrared))
        if found.status == FAILED:
            continue
        inward = np.array([[1, 0, -cut], [0, 1, -cut], [0, 0, 1]])
        undone = inward @ np.linalg.inv(warp) @ np.linalg.inv(inward)
        sources = {
            "as it is": [visible, infrared],
            "warped": [visible, moved],
            "registered": place(visible, moved, found.matrix),
            "warp undone exactly": place(visible, moved, undone),
            "registered without a warp": place(visible, infrared, plain.matrix),
        }
        results = {name: fusion.fuse(each) for name, each in sources.items()}
        write_image(folder / f"{pair.name}.png", np.hstack(list(results.values())[:3]))
        shares = [each.share for each in sources.values() if isinstance(each, Covered)]
        part = covered_part(np.minimum.reduce(shares))
        for name, fused in results.items():
            wholes = [255 * to_unit(image) for image in (visible, infrared, fused)]
            areas = wholes, [image[part] for image in wholes]
            scores[name].append(
                [float(metric(each[:2], each[2])) for each in areas for metric in (qabf, vif)]
            )
    print(f"\n{len(scores['registered'])} of {len(pairs)} pairs registered and fused\n")
    print("| fused | Qabf | VIF | Qabf of the covered part | VIF of the covered part |")
    print("|---|---|---|---|---|")
    for name, rows in scores.items():
        print(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in np.mean(rows, axis=0))} |")


def main(args: argparse.Namespace) -> None:
    """Measure and print tables."""
    cv2.setNumThreads(1)
    sets = [read_pairs(*named) for named in args.pairs]
    if args.video:
        print("| model | warp | seed | frames | farthest from the median | smoothed |")
        print("|---|---|---|---|---|---|")
        for frames in sets:
            for model in args.models:
                for size in args.warps:
                    for seed in args.seeds:
                        print_video(frames, model, size, seed)
        return
    pairs = [pair for each in sets for pair in each]
    if args.fused:
        Path(args.fused).mkdir(parents=True, exist_ok=True)
        print_fused(pairs, args.models[0], args.warps[0], args.seeds[0], Path(args.fused))
        return
    print(f"{len(pairs)} pairs, seeds {args.seeds}, errors in pixels at a width of {WIDTH}\n")
    print(f"| model | warp | refused | median error | below {CLOSE} | below {FAIR} | seconds |")
    print("|---|---|---|---|---|---|---|")
    for model in args.models:
        plain = [register(pair.visible, pair.infrared, model) for pair in pairs]
        for size in args.warps:
            print_consistency(pairs, plain, model, size, args.seeds)
        print_plain(sets, plain, [Path(folder).name for folder, _ in args.pairs], model)
        if args.unrelated:
            print_unrelated(pairs, model, args.unrelated)


if __name__ == "__main__":
    main(argparse.Namespace(**json.loads(sys.argv[1])))
