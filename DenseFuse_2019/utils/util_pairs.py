# Identical copy: see check_copies.py; edit the source, run --fix.
"""Which files belong together, what their result is called, and whether they seem aligned."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from utils.util_image import SUFFIXES, Array, list_images
from utils.utils import InputError, warn

# IR1, ir_a and 1ir, a_ir: a mark at either end of a stem, cut off by a separator or a digit.
MARKS = {
    "--ir": "ir|infrared|thermal|lwir|inf",
    "--vis": "vis|vi|visible|rgb",
}
ALIGNED_SIDE = 128  # pixels: the size at which alignment is judged
MIN_SHIFT = 4  # pixels of those: a smaller shift is not reported
MAX_SHARE = 6  # shifts of up to a sixth of a side are looked for
MIN_CORRELATION = 0.3  # the best shift's correlation coefficient, to be reported
MIN_GAIN = 1.3  # the best shift's correlation over that of no shift, to be reported


@dataclass(frozen=True)
class FusionJob:
    """Registered sources, the first of which decides the depth, and where to write."""

    sources: tuple[Path, ...]
    output: Path


def find_pairs(
    folders: Sequence[Path], flags: Sequence[str], allow_unmatched: bool = False
) -> dict[str, tuple[Path, ...]]:
    """Return the files that belong together, by name of their result.

    Args:
        folders: Two or more folders, or as many single files, in the order of the result.
        flags: The flag that each was given with; `--ir` and `--vis` let a stem carry their mark.
        allow_unmatched: Leave out what lacks a partner, with a warning, instead of raising.

    Raises:
        InputError: a file without partner, two files of one name, files mixed with folders, or
            an empty or absent folder.
    """
    if all(folder.is_file() for folder in folders):
        return {strip_mark(folders[0].stem, flags[0]): tuple(folders)}
    if files := [str(folder) for folder in folders if folder.is_file()]:
        raise InputError(
            f"{files[0]} is a file and not all of {' '.join(flags)} are; give all alike"
        )
    found = [_by_name(folder, flag) for folder, flag in zip(folders, flags, strict=True)]
    common = set.intersection(*(set(names) for names in found))
    for names, flag, folder in zip(found, flags, folders, strict=True):
        lonely = sorted(path.name for name, path in names.items() if name not in common)
        if lonely and not allow_unmatched:
            raise InputError(
                f"{len(lonely)} of {len(names)} images in {folder} ({flag}) have no partner, "
                f"{lonely[0]} first; files pair by stem, and --allow_unmatched leaves these out"
            )
        if lonely:
            warn(f"{folder}: left out {', '.join(lonely)} without partner (--allow_unmatched)")
    if not common:
        raise InputError(f"no image of {folders[0]} has a partner in {folders[1]}")
    return {name: tuple(names[name] for names in found) for name in sorted(common)}


def strip_mark(stem: str, flag: str) -> str:
    """Return a stem without the mark of its modality: `VIS1`, `1_vis` and `1` give `1`."""
    marks = MARKS.get(flag)
    if marks is None:
        return stem
    start, end = rf"^(?:{marks})(?:[-_. ]+|(?=\d))", rf"(?:[-_. ]+|(?<=\d))(?:{marks})$"
    bare = re.sub(start, "", stem, flags=re.IGNORECASE)
    bare = bare if bare != stem else re.sub(end, "", stem, flags=re.IGNORECASE)
    return bare or stem


def _by_name(folder: Path, flag: str) -> dict[str, Path]:
    names: dict[str, Path] = {}
    for path in list_images(folder, flag):
        other = names.setdefault(strip_mark(path.stem, flag), path)
        if other is not path:
            raise InputError(f"{other} and {path.name} ({flag}) have the same name for pairing")
    return names


def plan_jobs(pairs: dict[str, tuple[Path, ...]], output: Path, overwrite: bool) -> list[FusionJob]:
    """Return what to fuse and where to write it.

    Args:
        pairs: From `find_pairs`.
        output: A file if its suffix is an image's and there is one pair, else a folder.
        overwrite: Existing results may be replaced.

    Raises:
        InputError: results exist and may not be replaced, or would replace a source.
    """
    if output.suffix.lower() in SUFFIXES and not output.is_dir():
        if len(pairs) > 1:
            raise InputError(f"--output {output} is one file for {len(pairs)} pairs; give a folder")
        jobs = [FusionJob(sources, output) for sources in pairs.values()]
    else:
        jobs = [FusionJob(sources, output / f"{name}.png") for name, sources in pairs.items()]
    existing = [job.output for job in jobs if job.output.exists()]
    if existing and not overwrite:
        raise InputError(
            f"{existing[0]} exists ({len(existing)} of {len(jobs)} results); "
            "--overwrite replaces them, another --output keeps them"
        )
    for job in jobs:
        if any(job.output.resolve() == source.resolve() for source in job.sources):
            raise InputError(f"--output {job.output} is one of the sources")
    return jobs


def misalignment(first: Array, second: Array) -> tuple[int, int] | None:
    """Return a shift (dx, dy) in pixels by which `second` probably lies off `first`.

    Both are shrunk to at most 128 pixels a side and reduced to edge strength, which survives a
    change of modality. Of their circular cross-correlation, taken by FFT, the best shift of up to
    a sixth of a side is reported if it is at least 4 of those pixels, correlates by 0.3 or more,
    and 1.3 times as well as no shift. That takes a few milliseconds and catches about two thirds
    of the shifts by a twelfth of the width; sub-pixel errors, rotation and parallax go unseen.

    Args:
        first: (H, W) or (H, W, 3), any type.
        second: Likewise, of the same size.
    """
    height, width = first.shape[:2]
    scale = ALIGNED_SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    edges = [_edge_strength(image, size) for image in (first, second)]
    spectrum = np.fft.rfft2(edges[1]) * np.conj(np.fft.rfft2(edges[0]))
    correlation = np.fft.fftshift(np.fft.irfft2(spectrum, s=edges[0].shape))
    middle, reach = np.array(correlation.shape) // 2, np.array(correlation.shape) // MAX_SHARE
    near = correlation[tuple(slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))]
    dy, dx = np.array(np.unravel_index(int(near.argmax()), near.shape)) - reach
    least = max(
        MIN_GAIN * correlation[tuple(middle)],
        MIN_CORRELATION * np.linalg.norm(edges[0]) * np.linalg.norm(edges[1]),
    )
    if max(abs(dx), abs(dy)) < MIN_SHIFT or near.max() <= least:
        return None
    return round(dx / scale), round(dy / scale)


def _edge_strength(image: Array, size: tuple[int, int]) -> Array:
    """Return zero-mean, windowed edge strength at `size` (width, height)."""
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    gray = small.mean(axis=2) if small.ndim == 3 else small
    gray = cv2.GaussianBlur(gray, (0, 0), 1.0)
    strength = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    strength = np.sqrt(strength)  # a few hot edges shall not outweigh the rest
    window = np.outer(np.hanning(size[1]), np.hanning(size[0]))
    return (strength - strength.mean()) * window
