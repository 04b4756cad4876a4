# From common_code/base/utils/common/tally.py; edit it there, then tools/sync.py.
"""What became of the jobs of a run: fused, skipped, failed."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from utils.common.failures import PATTERN, Failure, failures_path, write_failures
from utils.common.files import is_complete
from utils.common.pairs import FusionJob
from utils.utils import warn

MOST_FOLDERS = 10  # that the summary names


class Tally:
    """Counts what becomes of jobs, and sums it up. It holds nothing of a job that went well.

    Args:
        jobs: All of the run.
        args: Parsed flags of `add_fusion_flags`.
        list_path: Where failures are listed; by default where `failures_path` says.

    Attributes:
        left: The jobs to do; with `--skip_existing` those without a complete result.
        skipped: How many are not done, since they have one.
        failed: Those that failed.
    """

    def __init__(
        self, jobs: Sequence[FusionJob], args: argparse.Namespace, list_path: Path | None = None
    ) -> None:
        self.args = args
        self.total = len(jobs)
        self.left = [j for j in jobs if not (args.skip_existing and is_complete(j.output))]
        self.skipped = self.total - len(self.left)
        self.failed: list[Failure] = []
        self.list_path = list_path or failures_path(jobs, args)
        self.fused = 0
        self._folders: Counter[Path] = Counter()  # of fused images
        self._last: Path | None = None
        self._seconds: list[float] = [0.0, 0.0]  # of the first image, of all others
        self._timed = 0
        if args.shard:
            print(f"Shard {args.shard}: {self.total} results")
        if self.skipped:
            warn(f"{self.skipped} of {self.total} results are there (--skip_existing)", "note")

    @property
    def stopped(self) -> bool:
        """Whether so many jobs have failed that no other should be tried."""
        return bool(self.args.max_failures) and len(self.failed) >= self.args.max_failures

    def add_fused(self, job: FusionJob, name: bool = True) -> None:
        """Count a result that was written; `name` it in the summary, or at once if verbose."""
        self.fused += 1
        if name and self.args.verbose:
            tqdm.write(f"Output path: {job.output}")
        elif name:
            self._folders[job.output.parent] += 1
            self._last = job.output

    def add_failed(self, job: FusionJob, error: Exception) -> None:
        """Report a job that failed."""
        warn(str(error), "error")
        self.failed.append(Failure(job, str(error)))

    def add_time(self, seconds: float) -> None:
        """Count how long it took to fuse an image; the first one warms up."""
        self._seconds[min(self._timed, 1)] += seconds
        self._timed += 1

    def summarize(self) -> int:
        """Print where the results are, how many failed and how long one took; list the failures.

        Returns:
            The exit status: 1 if a job failed, else 0.
        """
        self._print_places()
        if self._timed:
            mean = self._seconds[1] / (self._timed - 1) if self._timed > 1 else self._seconds[0]
            print(f"Mean time: {mean:.3f} seconds per result, without reading and writing")
        if self.skipped or self.failed:
            print(f"Fused {self.fused}, skipped {self.skipped}, failed {len(self.failed)}")
        untried = self.total - self.fused - self.skipped - len(self.failed)
        self._list_failures()
        if self.failed:
            listed = f"; {self.list_path} lists them for --pairs" if self.list_path else ""
            warn(f"{len(self.failed)} of {self.total} failed, see above{listed}", "error")
        if untried:
            warn(
                f"stopped after {len(self.failed)} failures (--max_failures "
                f"{self.args.max_failures}), {untried} of {self.total} were not tried",
                "error",
            )
        return 1 if self.failed else 0

    def _print_places(self) -> None:
        """Print where images were written."""
        if self.total == self.fused == 1 and self._last:
            print(f"Output path: {self._last}")
            return
        for folder, count in self._folders.most_common(MOST_FOLDERS):
            print(f"Output path: {folder} ({count} images)")
        if (more := len(self._folders) - MOST_FOLDERS) > 0:
            print(f"Output path: {more} more folders")

    def _list_failures(self) -> None:
        """Replace or delete the lists of failures that this run was about."""
        if not self.list_path:
            return
        folder = self.list_path.parent
        given = [path for path in self.args.pairs or () if path.match(PATTERN)]
        if self.stopped and given:  # the list that was given still names what was not tried
            return
        write_failures(self.list_path, self.failed)
        for path in given:
            if path.resolve().parent == folder.resolve() and path.name != self.list_path.name:
                path.unlink(missing_ok=True)
