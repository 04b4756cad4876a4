"""Score images against their sources: in processes of one thread each, or in batches on a GPU."""

import ctypes
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.image_files import check_same_size, read_channels
from benchmark.metrics import CONVENTIONS
from benchmark.score_table import Row

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


class Job(NamedTuple):
    """One image: its sources, the flags that gave them, and the fused result of each method."""

    image: str
    sources: list[Path]
    flags: str
    fused: dict[str, Path]


class Failure(NamedTuple):
    """Why an image was not scored: because of a method's result, or of a source if no method."""

    image: str
    flags: str
    reason: str
    method: str | None = None

    def __str__(self) -> str:
        return f"{self.image} ({self.flags}): {self.reason}"


Scores = tuple[list[Row], list[Failure]]  # of one image, one row per method


class Result(NamedTuple):
    """A method's result of an image and the sources, prepared for the metrics of a convention."""

    job: Job
    method: str
    images: tuple[list[NDArray[Any]], NDArray[Any]]

    def failure(self, reason: str) -> Failure:
        """Return why it was not scored."""
        return Failure(self.job.image, f"--fused {self.method}", reason, self.method)

    @property
    def shape(self) -> tuple[int, ...]:
        """What the results in one batch have in common: number of sources, and size."""
        return len(self.images[0]), *self.images[1].shape


@dataclass(frozen=True)
class Scorer:
    """What is computed, and where.

    Attributes:
        convention: A name of `CONVENTIONS`.
        metrics: Columns that it has.
        device: `cpu`, `cuda` or `cuda:N`.
        precision: A name of `PRECISIONS`; some metrics compute in float64 whatever it is.
        batch: Score at most so many results of one size together.
    """

    convention: str
    metrics: Sequence[str]
    device: str = "cpu"
    precision: str = "float64"
    batch: int = 1

    def read(self, jobs: Sequence[Job]) -> Iterator[Result | Failure]:
        """Read and prepare images, one result after the other."""
        prepare = CONVENTIONS[self.convention].prepare
        for job in jobs:
            try:
                sources = {path: read_channels(path) for path in job.sources}
                check_same_size(sources)
            except (OSError, ValueError) as error:
                yield Failure(job.image, job.flags, str(error))
                continue
            channels, last = [sources[path] for path in job.sources], job.sources[-1]
            for method, path in job.fused.items():
                try:
                    fused = read_channels(path)
                    check_same_size({last: sources[last], path: fused})
                    images = prepare(channels, fused)
                except (OSError, ValueError) as error:
                    yield Failure(job.image, f"--fused {method}", str(error), method)
                else:
                    yield Result(job, method, images)

    def score(self, jobs: Sequence[Job], found: Iterable[Result | Failure]) -> list[Scores]:
        """Score what is read of these jobs, and return the rows and all failures of each job.

        Raises:
            ValueError: A batch does not fit into the memory of the GPU.
        """
        rows: list[Row] = []
        failures: list[Failure] = []
        for batch in self._batches(found, failures):
            try:
                scores = self._score_batch(batch)
            except torch.OutOfMemoryError as error:
                raise ValueError(
                    f"{len(batch)} results of one size do not fit into the memory of "
                    f"{self.device}; lower --batch"
                ) from error
            except ValueError as error:
                failures += [one.failure(str(error)) for one in batch]
            else:
                both = zip(batch, scores, strict=True)
                rows += [Row(one.method, one.job.image, values) for one, values in both]
        return [
            (
                [row for row in rows if row.image == job.image],
                [failure for failure in failures if failure.image == job.image],
            )
            for job in jobs
        ]

    def __call__(self, jobs: Sequence[Job]) -> list[Scores]:
        """Return the rows and the failures of each job."""
        return self.score(jobs, self.read(jobs))

    def _batches(
        self, found: Iterable[Result | Failure], failures: list[Failure]
    ) -> Iterator[list[Result]]:
        """Yield results of one size together as soon as they are enough; add the failures."""
        groups: dict[tuple[int, ...], list[Result]] = {}
        for one in found:
            if isinstance(one, Failure):
                failures.append(one)
                continue
            group = groups.setdefault(one.shape, [])
            group.append(one)
            if len(group) == self.batch:
                yield groups.pop(one.shape)
        yield from groups.values()

    def _score_batch(self, batch: Sequence[Result]) -> list[list[float]]:
        images = [one.images for one in batch]
        return CONVENTIONS[self.convention].score_batch(self.metrics, images, self._place)

    def _place(self, values: NDArray[Any]) -> Tensor:
        contiguous = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))
        return contiguous.to(self.device, PRECISIONS[self.precision])


def find_device(name: str) -> str:
    """Return the device to score on; `auto` is a CUDA GPU if there is one, else the CPU.

    Raises:
        ValueError: There is no such device, or it has no float64, which the metrics need.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count()}.get(kind, 0)
    if (number and not number.isdecimal()) or int(number or 0) >= count:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise ValueError(f"--device {name}: metrics can be scored on {', '.join(found)} here")
    return name


def score_image(job: Job, convention: str, metrics: Sequence[str]) -> Scores:
    """Return the scores of one image, one row per method, and the failures."""
    return Scorer(convention, metrics)([job])[0]


def score_all(jobs: Sequence[Job], scorer: Scorer, workers: int) -> Iterator[Scores]:
    """Yield rows and failures of each job, in order.

    Args:
        jobs: What to score.
        scorer: How.
        workers: On the CPU, processes that read and score; on a GPU, threads that read ahead.
    """
    results = max((len(job.fused) for job in jobs), default=0)  # of a job
    size = math.ceil(scorer.batch / max(1, results))
    chunks = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    workers = max(1, min(workers, len(chunks)))  # a shard may be empty
    if scorer.device != "cpu":
        with ThreadPoolExecutor(workers) as readers:
            reading = _map_ahead(readers, lambda part: list(scorer.read(part)), chunks, workers + 1)
            for chunk, read in zip(chunks, reading, strict=True):
                yield from scorer.score(chunk, read)
    elif workers <= 1:
        for chunk in chunks:
            yield from scorer(chunk)
    else:
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_prepare_worker) as pool:
            for found in pool.map(scorer, chunks):
                yield from found


def _map_ahead(
    pool: Executor, function: Callable[..., Any], items: Iterable[Any], ahead: int
) -> Iterator[Any]:
    """Yield the function's values in order, with at most so many of them waiting in memory."""
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _prepare_worker() -> None:
    """Use one thread, and let glibc keep freed memory, which takes long to map anew.

    The memory is left alone on other systems, and where the user has set MALLOC_ variables.
    """
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if not sys.platform.startswith("linux") or any(k.startswith("MALLOC_") for k in os.environ):
        return
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        m_trim_threshold, m_mmap_max = -1, -4  # from glibc's malloc.h
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)
