"""What Ray's processes do with each pair: fuse it in an actor, score it in a task.

A row of Ray Data is a pair. Images do not travel: the stages read and write files.
"""

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from apps.cluster.addresses import address
from apps.cluster.method import Messages, Method

Row = dict[str, Any]


class Watch:
    """Counts how often pairs were begun and not ended; an actor, one for all processes.

    Ray tries again without end what was lost with its process. A pair that ends every process that
    touches it is found by this count.
    """

    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()

    def begin(self, index: int) -> int:
        """Return how often a pair was begun before."""
        self.begun[index] += 1
        return self.begun[index] - 1

    def end(self, index: int) -> None:
        """Forget a pair."""
        self.begun.pop(index, None)


class Fuser:
    """Fuses pairs; an actor, which loads the weights once.

    Ray calls it in several threads: while one of them fuses, others read and write.

    Args:
        name: Of the method.
        args: Parsed flags of its `run_fusion.py`.
        watch: A `Watch`.
        tries: How often a pair is begun.
    """

    def __init__(self, name: str, args: argparse.Namespace, watch: Any, tries: int) -> None:
        import cv2
        import torch

        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        self.method, self.args = Method(name), args
        self.watch, self.tries = watch, tries
        self.fusing = threading.Lock()
        self.broken = ""
        try:
            self.fusion, self.readers = self.method.load(args)
        except self.method.errors as error:
            self.broken = str(error)

    def __call__(self, row: Row) -> Row:
        """Return what became of a pair.

        Args:
            row: `index`, `kind`, `sources` and `output` of a job.

        Returns:
            These and `seconds` that fusing took, `notices` (JSON), `reason` why it failed, empty if
            it did not, `broken`, why nothing can be fused, and `lost`, how often the process was
            lost if it is given up for that.
        """
        answer = {**row, "seconds": 0.0, "notices": "[]", "reason": "", "broken": self.broken}
        import ray

        lost = ray.get(self.watch.begin.remote(row["index"]))
        if self.broken or lost >= self.tries:
            return {**answer, "lost": lost}
        messages = Messages()
        job = self.method.job(row["sources"], row["output"], row["kind"])
        try:
            if self.args.overwrite or not job.output.exists():
                answer["seconds"] = self._fuse(job, messages)
        except self.method.errors as error:
            answer["reason"] = str(error)
        self.watch.end.remote(row["index"])
        return {**answer, "notices": json.dumps(messages), "lost": 0}

    def _fuse(self, job: Any, messages: Messages) -> float:
        """Fuse a pair, write the result, and return how long fusing took, in seconds."""
        read = self.readers.get(job.kind, self.method.sources.read_images)
        sources = read(job, self.args, messages)
        with self.fusing:
            start = time.perf_counter()
            fused = self.fusion.fuse(sources)
            seconds = time.perf_counter() - start
        self.method.write(job.output, fused)
        return seconds


def score(row: Row, convention: str, metrics: Sequence[str]) -> Row:
    """Return a row with `scores` of its result, and `unscored`, why it has none.

    A row of a `Fuser` that failed has neither.
    """
    import cv2

    from benchmark.scoring import Job, score_image

    cv2.setNumThreads(1)
    if row.get("reason") or row.get("broken") or row.get("lost"):
        return {**row, "scores": [], "unscored": ""}
    order = -1 if row["kind"] == "pair" else 1  # the benchmark has the infrared image first
    paths = [address(source) for source in row["sources"]][::order]
    job = Job("", paths, "sources", {"fused": address(row["output"])})
    rows, failures = score_image(job, convention, metrics)
    if failures:
        return {**row, "scores": [], "unscored": failures[0].reason}
    return {**row, "scores": rows[0].values, "unscored": ""}
