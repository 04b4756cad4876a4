"""The rows of the table: which images they are, checked, and laid out for the training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.baselines import average, fuse_pair, read, write
from benchmark.external import find_results
from benchmark.image_files import check_same_size, index_images, read_channels
from benchmark.image_sets import ImageSet, find_set, link_files, stage
from benchmark.segmentation import CLASSES, LEFT_OUT

VISIBLE, INFRARED, AVERAGE = SOURCES = ("Visible", "Infrared", "Average")
SHOWN = 5  # ids in an error message


@dataclass(frozen=True)
class LabeledSet:
    """Pairs with labels, in two lists.

    Attributes:
        train: What segmenters learn from.
        test: What they are scored on.
        labels: The label map of each scene of both lists.
        size: Width and height of every image, pixels.
    """

    train: ImageSet
    test: ImageSet
    labels: dict[str, Path]
    size: tuple[int, int]

    @property
    def every(self) -> ImageSet:
        """Return the pairs of both lists as one set."""
        return replace(self.train, split="all", scenes=self.train.scenes | self.test.scenes)


def find_labeled_set(data: str, labels: str, split: Sequence[str]) -> LabeledSet:
    """Find the pairs of two lists and their labels, and check all of them.

    Args:
        data: Name of a set in common_data, or path of a folder laid out like it.
        labels: Name of the folder of label maps within it.
        split: Names of the lists to train and to test on.

    Raises:
        ValueError: An image or a label is missing, cannot be read, or differs in size; a label has
            another id; a scene is on both lists; or the set has no infrared and visible images.
    """
    train, test = (find_set(data, name) for name in split)
    if train.kind != "pairs":
        raise ValueError(
            f"{data} (--data) holds {train.contents}; expected infrared and visible images"
        )
    if twice := sorted(train.scenes.keys() & test.scenes.keys()):
        raise ValueError(f"{twice[0]} is on both lists, {' and '.join(split)} (--split)")
    scenes = train.scenes | test.scenes
    first = next(iter(scenes.values()))[1]
    places = [place / labels for place in (first.parent, first.parent.parent)]
    folder = next((place for place in places if place.is_dir()), places[-1])
    maps = index_images(folder, "--labels")
    if missing := [scene for scene in scenes if scene not in maps]:
        raise ValueError(
            f"{folder} (--labels) has no label map for {missing[0]} "
            f"({len(missing)} of {len(scenes)} missing)"
        )
    found = {scene: maps[scene] for scene in scenes}
    shown = {first: read_channels(first)}
    for scene, sources in scenes.items():
        try:
            images = {path: read_channels(path) for path in sources}
            check_same_size({**shown, **images, found[scene]: read_label(found[scene])})
        except ValueError as error:
            raise ValueError(f"{error} (--data, --labels)") from error
    height, width = shown[first].shape[1:]
    return LabeledSet(train, test, found, (width, height))


def read_label(path: Path) -> NDArray[np.uint8]:
    """Return class ids, (H, W).

    Raises:
        ValueError: The file holds something else, or an id that is no class.
    """
    ids = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if ids is None or ids.ndim != 2 or ids.dtype != np.uint8:
        raise ValueError(f"{path} is not a label map: expected 8 bits, one channel of ids")
    unknown = sorted(set(np.unique(ids).tolist()) - {*range(len(CLASSES)), LEFT_OUT})
    if unknown:
        raise ValueError(
            f"{path} has ids {', '.join(map(str, unknown[:SHOWN]))}; classes are 0 ({CLASSES[0]}) "
            f"to {len(CLASSES) - 1} ({CLASSES[-1]}), and {LEFT_OUT} is left out"
        )
    return ids.astype(np.uint8, copy=False)


def find_rows(
    images: LabeledSet, fused: Sequence[tuple[str, Path]], work: Path
) -> dict[str, dict[str, Path]]:
    """Return the image of each scene, by row: both sources, their average, and fused images.

    Args:
        images: The set.
        fused: Names and folders, as `--fused` gives them.
        work: Folder for the averages.

    Raises:
        ValueError: A name is taken, or a fused image is missing, cannot be read or differs in size.
    """
    taken = {name.casefold(): f"{name}, which is always a row" for name in SOURCES}
    for name, folder in fused:
        if other := taken.get(name.casefold()):
            raise ValueError(f"{name} (--fused {folder}) has the name of {other}; give it another")
        taken[name.casefold()] = f"--fused {name}"
    results = {
        name: find_results(folder, f"--fused {name}", images.every) for name, folder in fused
    }
    scenes = images.every.scenes
    for name, files in results.items():
        for scene, path in files.items():
            try:
                check_same_size({p: read_channels(p) for p in (scenes[scene][1], path)})
            except ValueError as error:
                raise ValueError(f"{error} (--fused {name})") from error
    return {
        VISIBLE: {scene: vis for scene, (_, vis) in scenes.items()},
        INFRARED: {scene: ir for scene, (ir, _) in scenes.items()},
        AVERAGE: _averages(scenes, work / AVERAGE),
        **results,
    }


def _averages(scenes: Mapping[str, Sequence[Path]], folder: Path) -> dict[str, Path]:
    """Write the average of each pair, as the baseline of the benchmark does."""
    files = {scene: folder / f"{scene}.png" for scene in scenes}
    for scene, sources in scenes.items():
        write(files[scene], fuse_pair(average, *read(sources)))
    return files


def lay_out(images: LabeledSet, row: Mapping[str, Path], folder: Path) -> None:
    """Lay out a row as a set to train on, with its images in the place of the visible ones.

    Args:
        images: The set.
        row: The image of each scene.
        folder: An empty folder. It gets `vis/`, `ir/` and `labels/` with links, and `train.txt`.
    """
    scenes = {scene: [ir, row[scene]] for scene, (ir, _) in images.train.scenes.items()}
    stage(replace(images.train, scenes=scenes), folder)
    labels = [images.labels[scene] for scene in scenes]
    link_files((path, folder / "labels" / path.name) for path in labels)
    (folder / "train.txt").write_text("".join(f"{scene}\n" for scene in scenes), encoding="utf-8")
