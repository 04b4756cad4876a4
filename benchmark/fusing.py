"""Run one method on a set, as a process of its own, and keep a record of the run."""

import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmark.image_files import SUFFIXES
from benchmark.image_sets import ImageSet
from benchmark.methods import Method

HERE = Path(__file__).resolve().parent
MEAN_TIME = re.compile(r"^Mean time: ([0-9.]+) seconds per result", re.MULTILINE)


@dataclass(frozen=True)
class RunRecord:
    """What is known of the run that made a method's results.

    Attributes:
        seconds: Mean time per pair or scene, as the method printed it unless `note` says more.
        peak_mib: Largest resident memory of the process, MiB.
        device: Device that was asked for, as in `--device`.
        reused: True if the results are those of an earlier run.
        note: What else a report says of time and memory.
    """

    seconds: float | None
    peak_mib: float | None
    device: str
    reused: bool = False
    note: str = ""


class ResultFolder:
    """Where the results of one method, its log and the record of its run lie."""

    def __init__(self, output: Path, name: str) -> None:
        self.fused = output / "fused" / name
        self.log = output / "logs" / f"{name}.txt"
        self.record = output / "logs" / f"{name}.json"

    def results(self, images: ImageSet) -> dict[str, Path]:
        """Return the path of the result of each scene: PNG unless another format is there."""
        return {scene: self._result(scene) for scene in images.scenes}

    def _result(self, scene: str) -> Path:
        paths = [self.fused / f"{scene}{suffix}" for suffix in SUFFIXES]
        return next((path for path in paths if path.exists()), paths[0])

    def existing(self, images: ImageSet) -> list[Path]:
        """Return the results that exist."""
        return [path for path in self.results(images).values() if path.exists()]

    def earlier(self, images: ImageSet) -> RunRecord | None:
        """Return the record of an earlier run if its results are complete, else None.

        A record that cannot be read, as a killed run may leave it, counts as none.
        """
        if not self.record.is_file() or len(self.existing(images)) < len(images.scenes):
            return None
        try:
            return RunRecord(**{**json.loads(self.record.read_text("utf-8")), "reused": True})
        except (ValueError, TypeError):
            return None


class MethodError(Exception):
    """A method did not fuse everything; the message gives the reason."""


def fuse(
    method: Method,
    results: ResultFolder,
    images: ImageSet,
    sources: Sequence[str],
    device: str,
    more: Sequence[str],
    python: str = sys.executable,
) -> RunRecord:
    """Run a method on a set, as a process of its own.

    Args:
        method: The method to run.
        results: Where results, log and record go.
        images: The set.
        sources: Flags that name the images of the set.
        device: Value of `--device`.
        more: Further flags of `run_fusion.py`. Baselines get `--overwrite` only.
        python: The interpreter.

    Raises:
        MethodError: It ended with an error or left a result out.
    """
    flags = [*sources, "--output", str(results.fused.resolve())]
    command = [python, *method.command, *flags]
    if not method.baseline:
        command += ["--device", device, *more]
    elif "--overwrite" in more:
        command.append("--overwrite")
    results.record.unlink(missing_ok=True)  # a record exists for complete results only
    run = run_measured(command, method.folder, results.log)
    log = results.log.read_text("utf-8", errors="replace")
    if run.status:
        raise MethodError(f"ended with status {run.status}: {last_words(log)}")
    missing = [scene for scene, path in results.results(images).items() if not path.exists()]
    if missing:
        raise MethodError(
            f"made no result for {missing[0]} ({len(missing)} of {len(images.scenes)} missing)"
        )
    found = MEAN_TIME.search(log)
    record = RunRecord(
        float(found[1]) if found else None, run.peak_mib, "cpu" if method.baseline else device
    )
    results.record.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
    return record


class Measured(NamedTuple):
    """The end of a process: exit status, peak memory in MiB if counted, and wall time."""

    status: int
    peak_mib: float | None
    seconds: float


def run_measured(command: Sequence[str], folder: Path, log: Path) -> Measured:
    """Run a command in a folder, with its output in a file, and measure it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, log.open("wb") as output:
        found = Path(scratch) / "found.json"
        launcher = [sys.executable, str(HERE / "run_with_peak_memory.py"), str(found)]
        status = subprocess.run(
            [*launcher, *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        measured = json.loads(found.read_text("utf-8")) if found.is_file() else {}
    return Measured(status, measured.get("peak_mib"), measured.get("seconds", math.nan))


def last_words(log: str) -> str:
    """Return the first line of a log that begins with `error: `, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
