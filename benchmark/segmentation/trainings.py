"""Train and test the segmenters, each in a process of its own; finished ones are kept."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import ROOT
from benchmark.environment import child_environment
from benchmark.fusing import last_words, run_measured
from benchmark.segmentation import LEFT_OUT, SEGMENTER
from benchmark.segmentation.iou import Counts, count_pixels
from benchmark.segmentation.rows import VISIBLE, LabeledSet, lay_out, read_label

Rows = Mapping[str, Mapping[str, Path]]  # by row and scene
PROTOCOLS = {
    "own": "each row has segmenters of its own, trained on its images",
    "visible": "every row is tested with the segmenters that were trained on visible images",
}
CHECKPOINT_INTERVAL = 100  # iterations; a training that is cut goes on at the last one


@dataclass(frozen=True)
class Training:
    """One segmenter, and the rows that are tested with it.

    Attributes:
        row: What it is trained on.
        seed: Its seed.
        tests: Names of the rows to test.
    """

    row: str
    seed: int
    tests: tuple[str, ...]


def plan(protocol: str, rows: Iterable[str], seeds: Sequence[int]) -> list[Training]:
    """Return the segmenters of a protocol: all rows with the first seed, then with the next."""
    names = tuple(rows)
    if protocol == "visible":
        return [Training(VISIBLE, seed, names) for seed in seeds]
    return [Training(name, seed, (name,)) for seed in seeds for name in names]


class Experiment:
    """Where trainings and results lie, and what they are made from.

    Args:
        images: The set.
        rows: The image of each scene, by row.
        settings: What a segmenter is trained with, besides data and seed: `size`, `crop`,
            `batch`, `iterations`, `warmup`, `lr`, `pretrained_backbone` and `device`.
        threads: Of each process.
        output: The folder for all.
    """

    def __init__(
        self,
        images: LabeledSet,
        rows: Rows,
        settings: Mapping[str, Any],
        threads: int,
        output: Path,
    ) -> None:
        self.images = images
        self.rows = rows
        self.settings = settings
        self.threads = threads
        self.output = output
        self._weights = _hash_files([Path(settings["pretrained_backbone"])])
        self._hashes = {name: self._hash_row(name) for name in rows}

    def _hash_row(self, name: str) -> tuple[str, str]:
        """Return hashes of what is trained on and of what is tested on."""
        parts = (self.images.train.scenes, self.images.test.scenes)
        train, test = (
            _hash_files(p for s in part for p in (self.rows[name][s], self.images.labels[s]))
            for part in parts
        )
        return train, test

    def labeled_classes(self) -> list[int]:
        """Return the ids of the classes that the labels of the test have."""
        maps = (read_label(self.images.labels[scene]) for scene in self.images.test.scenes)
        found = set().union(*(np.unique(ids).tolist() for ids in maps))
        return sorted(found - {LEFT_OUT})

    def inputs(self, training: Training, test: str | None = None) -> str:
        """Return a text that differs if any setting or image of a result differs."""
        about = {**self.settings, "pretrained_backbone": self._weights, "seed": training.seed}
        about["train"] = self._hashes[training.row][0]
        if test is not None:
            about["test"] = self._hashes[test][1]
        return json.dumps(about, sort_keys=True)

    def run_folder(self, training: Training) -> Path:
        """Return the folder of a training."""
        return self.output / "runs" / training.row / f"seed{training.seed}"

    def test_folder(self, training: Training, test: str) -> Path:
        """Return the folder of the label maps that a segmenter predicted for a row."""
        own = "own" if training.row == test else f"from_{training.row}"
        return self.output / "predictions" / test / f"{own}_seed{training.seed}"

    def counts(self, training: Training, test: str) -> Counts | None:
        """Return the pixels that a finished test counted; None if it is not done with these inputs.

        A result that cannot be read, as a run that was cut may leave it, counts as none.
        """
        path = self.test_folder(training, test) / "pixels.json"
        try:
            found = json.loads(path.read_text("utf-8"))
            same = found["inputs"] == self.inputs(training, test)
            return np.array(found["pixels"], np.int64) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def complete(self, training: Training) -> None:
        """Train and test a segmenter as far as it is not done.

        Raises:
            ValueError: Its process failed; the message names its log.
        """
        tests = [test for test in training.tests if self.counts(training, test) is None]
        if not tests:
            return
        run = self.run_folder(training)
        self._clear_other(training)
        for test in tests:
            shutil.rmtree(self.test_folder(training, test), ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            data = Path(scratch) / "set"
            lay_out(self.images, self.rows[training.row], data)
            job = Path(scratch) / "job.json"
            job.write_text(json.dumps(self._job(training, tests, data)), encoding="utf-8")
            module = f"benchmark.segmentation.{SEGMENTER}"
            self._start([sys.executable, "-m", module, str(job)], run.parent / f"{run.name}.txt")
        for test in tests:
            self._count(training, test)

    def _clear_other(self, training: Training) -> None:
        """Delete an earlier training with other inputs, and note the inputs of this one."""
        run, inputs = self.run_folder(training), self.inputs(training)
        about = run / "inputs.json"
        if not about.is_file() or about.read_text("utf-8") != inputs:
            shutil.rmtree(run, ignore_errors=True)
            run.mkdir(parents=True)
            about.write_text(inputs, encoding="utf-8")

    def _job(self, training: Training, tests: Sequence[str], data: Path) -> dict[str, Any]:
        scenes = self.images.test.scenes
        return {
            **self.settings,
            "seed": training.seed,
            "data": str(data),
            "run": str(self.run_folder(training).resolve()),
            "checkpoint_interval": CHECKPOINT_INTERVAL,
            "tests": [
                {
                    "images": {scene: str(self.rows[test][scene].resolve()) for scene in scenes},
                    "output": str(self.test_folder(training, test).resolve()),
                }
                for test in tests
            ],
        }

    def _start(self, command: Sequence[str], log: Path) -> None:
        environment = child_environment() | {"OMP_NUM_THREADS": str(self.threads)}
        run = run_measured(command, ROOT / SEGMENTER, log, environment=environment)
        if run.status:
            words = last_words(log.read_text("utf-8", errors="replace"))
            raise ValueError(f"{words.removeprefix('error: ')} (see {log})")

    def _count(self, training: Training, test: str) -> None:
        """Compare the predicted maps with the labels, and write the counts."""
        folder = self.test_folder(training, test)
        pixels = [
            count_pixels(read_label(self.images.labels[scene]), read_label(folder / f"{scene}.png"))
            for scene in self.images.test.scenes
        ]
        total = np.sum(pixels, axis=0)
        found = {"inputs": self.inputs(training, test), "pixels": total.tolist()}
        temporary = folder / "pixels.json.tmp"
        temporary.write_text(json.dumps(found) + "\n", encoding="utf-8")
        temporary.replace(folder / "pixels.json")


def _hash_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
