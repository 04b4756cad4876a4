"""One call of the program: what is to be done, what came of it, and what is said of that."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from apps.cluster import stream
from apps.cluster.addresses import UsageError, is_local
from apps.cluster.method import Method
from apps.cluster.stages import Row

if TYPE_CHECKING:
    from apps.cluster.scores import Scores

IN_FLIGHT = {"cpu": 3, "gpu": 8}
FAILURES = "failures.csv"
SAVED = 60  # seconds: how often scores are written


def run(method: Method, args: argparse.Namespace, settings: argparse.Namespace) -> int:
    """Fuse what is not there yet, and return the exit status.

    Args:
        method: Fuses.
        args: Flags of this program.
        settings: Flags of the method's `run_fusion.py`.

    Raises:
        UsageError: flags or weights that cannot be used, or a package that is missing.
    """
    jobs = method.find_jobs(settings)
    method.prepare(jobs)
    folder = Path.cwd()  # of the tables
    if all(is_local(job.output) for job in jobs) and is_local(settings.output):
        folder = settings.output if settings.output.is_dir() else settings.output.parent
        tally = method.tally(jobs, settings)
    else:
        tally = method.tally(jobs, settings, _part(folder / FAILURES, settings))
    scoring, scores = None, None
    if args.score:
        scoring, scores = _choose_scores(method, args, settings, jobs, folder)
    work = Work(method, jobs, tally, settings.verbose, scores)
    if work.open or work.to_score():
        cpus, gpus = stream.start(args.address, args.num_cpus, args.num_gpus)
        try:
            _work(work, args, settings, scoring, (cpus, gpus))
        finally:
            work.close()
    method.prepare(tally.left)  # clears away what lost processes left
    return tally.summarize() or int(work.not_scored > 0)


def _choose_scores(
    method: Method,
    args: argparse.Namespace,
    settings: argparse.Namespace,
    jobs: Sequence[Any],
    folder: Path,
) -> tuple[stream.Scoring, "Scores"]:
    """Return which metrics are computed, and their table, a file in a folder.

    Raises:
        UsageError: a package of the benchmark is missing, or a metric does not suit the sources.
    """
    try:
        from apps.cluster.scores import NAME, Scores, choose_columns
    except ImportError as error:
        raise UsageError(
            f"--score needs the package {error.name}: pip install -r benchmark/requirements.txt"
        ) from error
    columns = choose_columns(args, jobs)
    table = Scores(_part(folder / NAME, settings), method.name, columns, settings.overwrite)
    return stream.Scoring(args.convention, columns), table


def _part(path: Path, settings: argparse.Namespace) -> Path:
    """Return what a table is called, with `--shard` that of this part."""
    return settings.shard.name(path) if settings.shard else path


class Work:
    """What is still to be done, and what became of the rest.

    Attributes:
        open: The jobs that are not decided, by index.
        not_scored: How many results have no scores because of an error.
    """

    def __init__(
        self,
        method: Method,
        jobs: Sequence[Any],
        tally: Any,
        verbose: bool,
        scores: "Scores | None",
    ) -> None:
        left = {id(job) for job in tally.left}
        self.tally, self.scores, self.not_scored = tally, scores, 0
        self.open = {index: job for index, job in enumerate(jobs) if id(job) in left}
        self._done = {
            index: job
            for index, job in enumerate(jobs)
            if scores and index not in self.open and job.output.stem not in scores
        }
        self._notices = method.sources.Notices(verbose)
        self._saved = time.monotonic()

    def to_fuse(self) -> list[Row]:
        """Return the rows of the open jobs."""
        return [_row(index, job) for index, job in self.open.items()]

    def to_score(self) -> list[Row]:
        """Return the rows of results without scores."""
        return [_row(index, job) for index, job in self._done.items()]

    def follow(self, rows: Iterator[Row], last: bool = False) -> None:
        """Take in what becomes of the open jobs.

        Args:
            rows: From `stream.fuse`.
            last: Jobs that lose their process again have failed, otherwise they stay open.

        Raises:
            UsageError: nothing can be fused, because of the weights or a flag.
        """
        with tqdm(rows, total=len(self.open), unit="pair") as progress:
            for row in progress:
                if row["broken"]:
                    raise UsageError(row["broken"])
                if not row["lost"]:
                    self._take(row, self.open.pop(row["index"]))
                elif last:
                    times = row["lost"]
                    reason = f"its process was lost {times} times meanwhile; is memory short?"
                    self._fail(self.open.pop(row["index"]), reason)
                if self.tally.stopped:
                    return

    def _take(self, row: Row, job: Any) -> None:
        """Take in a job that is decided."""
        for notice in json.loads(row["notices"]):
            self._notices.add(*notice)
        if row["reason"]:
            self._fail(job, row["reason"])
            return
        self.tally.add_fused(job)
        if row["seconds"]:
            self.tally.add_time(row["seconds"])
        if self.scores is not None:
            self._done[row["index"]] = job
            if "scores" in row:
                self._score(row)

    def _fail(self, job: Any, reason: str) -> None:
        names = "" if str(job.sources[0]) in reason else f"{' '.join(map(str, job.sources))}: "
        self.tally.add_failed(job, UsageError(f"{names}{reason}"))

    def give_up(self) -> None:
        """Count open jobs as failed, of which no stage has said anything."""
        for job in self.open.values():
            self._fail(job, "an unexpected error, which is printed above")
        self.open.clear()

    def follow_scores(self, rows: Iterator[Row]) -> None:
        """Take in scores of results that are there."""
        with tqdm(rows, total=len(self._done), unit="score") as progress:
            for row in progress:
                self._score(row)

    def _score(self, row: Row) -> None:
        """Take in the scores of a result."""
        job = self._done.pop(row["index"])
        if row["unscored"]:
            self.not_scored += 1
            tqdm.write(f"error: {job.output} is not scored: {row['unscored']}", file=sys.stderr)
            return
        assert self.scores is not None
        self.scores.add(job.output.stem, row["scores"])
        if time.monotonic() - self._saved > SAVED:
            self.scores.write()
            self._saved = time.monotonic()

    def close(self) -> None:
        """Say and write what was kept back."""
        self._notices.close()
        if self.scores is not None:
            self.scores.write()


def _row(index: int, job: Any) -> Row:
    """Return a job as a row of Ray Data."""
    sources = [str(source) for source in job.sources]
    return {"index": index, "kind": job.kind, "sources": sources, "output": str(job.output)}


def _work(
    work: Work,
    args: argparse.Namespace,
    settings: argparse.Namespace,
    scoring: stream.Scoring | None,
    there: tuple[int, int],
) -> None:
    """Fuse what is open, once more by itself what was lost, and score what has no scores.

    With GPUs, scores are computed beside; otherwise afterwards, since all processors fuse.

    Args:
        work: What is to be done.
        args: Flags of this program.
        settings: Flags of the method's `run_fusion.py`.
        scoring: Which metrics are computed, None for none.
        there: How many CPUs and GPUs there are.
    """
    cpus, gpus = there
    on_gpu = gpus > 0 and settings.device in ("auto", "cuda")
    in_flight = args.in_flight or IN_FLIGHT["gpu" if on_gpu else "cpu"]
    resources = stream.Resources(gpus if on_gpu else cpus, int(on_gpu), in_flight)
    beside = scoring if on_gpu and cpus > gpus else None
    if work.open:
        work.follow(stream.fuse(work.to_fuse(), args.method, settings, resources, beside))
    if work.open and not work.tally.stopped:
        alone = resources._replace(actors=1, in_flight=1)
        work.follow(stream.fuse(work.to_fuse(), args.method, settings, alone, beside), last=True)
    if work.tally.stopped:
        return
    work.give_up()
    if scoring and (rows := work.to_score()):
        work.follow_scores(stream.score_only(rows, scoring))
