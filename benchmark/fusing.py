"""Run one method on a set, as a process of its own, and keep a record of the run."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmark.efficiency import Efficiency
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
        efficiency: What the method needs for a pair of one size, if that was measured.
    """

    seconds: float | None
    peak_mib: float | None
    device: str
    reused: bool = False
    note: str = ""
    efficiency: Efficiency | None = None


class ResultFolder:
    """Where the results of one method, its log and the record of its run lie.

    `asked` is the method's command and flags: results of another command are not its own.
    """

    def __init__(self, output: Path, name: str, asked: Sequence[str] = ()) -> None:
        self.asked = list(asked)
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

    def keep(self, record: RunRecord) -> None:
        """Write the record of a complete run."""
        text = json.dumps({"asked": self.asked, **asdict(record)})
        self.record.write_text(text + "\n", encoding="utf-8")

    def earlier(self, images: ImageSet) -> RunRecord | None:
        """Return the record of an earlier run of this command if it is complete, else None.

        A record that cannot be read, as a killed run may leave it, counts as none.
        """
        if not self.record.is_file() or len(self.existing(images)) < len(images.scenes):
            return None
        try:
            found = dict(json.loads(self.record.read_text("utf-8")))
            asked = found.pop("asked", None)
            if found.get("efficiency"):
                found["efficiency"] = Efficiency(**found["efficiency"])
            return RunRecord(**{**found, "reused": True}) if asked == self.asked else None
        except (ValueError, TypeError):
            return None


class RunOptions(NamedTuple):
    """How methods are run.

    Attributes:
        device: Value of `--device`.
        flags: Further flags of `run_fusion.py`.
        overwrite: True if results that exist are replaced.
        python: The interpreter.
        time_limit: Seconds after which a process is stopped; None waits for it.
    """

    device: str
    flags: Sequence[str] = ()
    overwrite: bool = False
    python: str = sys.executable
    time_limit: float | None = None


class MethodError(Exception):
    """A method did not fuse everything; the message gives the reason."""


def fuse(
    method: Method,
    results: ResultFolder,
    images: ImageSet,
    sources: Sequence[str],
    options: RunOptions,
) -> RunRecord:
    """Run a method on a set, as a process of its own.

    Args:
        method: The method to run.
        results: Where results, log and record go.
        images: The set.
        sources: Flags that name the images of the set.
        options: How to run it. Of the flags, baselines get `--overwrite` only.

    Raises:
        MethodError: It ended with an error, ran too long or left a result out.
    """
    flags = [*sources, "--output", str(results.fused.resolve())]
    command = [options.python, *method.command, *flags]
    if not method.baseline:
        command += ["--device", options.device, *options.flags]
    if options.overwrite:
        command.append("--overwrite")
    results.record.unlink(missing_ok=True)  # a record exists for complete results only
    run = run_measured(command, method.folder, results.log, options.time_limit)
    log = results.log.read_text("utf-8", errors="replace")
    if run.status:
        raise MethodError(f"ended with status {run.status}: {last_words(log)}")
    missing = [scene for scene, path in results.results(images).items() if not path.exists()]
    if missing:
        raise MethodError(
            f"made no result for {missing[0]} ({len(missing)} of {len(images.scenes)} missing)"
        )
    found = MEAN_TIME.search(log)
    device = "cpu" if method.baseline else options.device
    record = RunRecord(float(found[1]) if found else None, run.peak_mib, device)
    results.keep(record)
    return record


class Measured(NamedTuple):
    """The end of a process: exit status, peak memory in MiB if counted, and wall time."""

    status: int
    peak_mib: float | None
    seconds: float


def run_measured(
    command: Sequence[str],
    folder: Path,
    log: Path,
    time_limit: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Run a command in a folder, with its output in a file, and measure it.

    Args:
        command: The command and its arguments.
        folder: Its working directory.
        log: Gets what it prints.
        time_limit: Seconds after which it is stopped; None waits for it.
        environment: By default that of this process.

    Raises:
        MethodError: It ran too long. All its processes were stopped.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, log.open("wb") as output:
        found = Path(scratch) / "found.json"
        launcher = [sys.executable, str(HERE / "run_with_peak_memory.py"), str(found)]
        process = subprocess.Popen(
            [*launcher, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all its processes can be stopped; POSIX only
        )
        try:
            status = process.wait(time_limit)
        except BaseException as error:  # also Ctrl-C, which does not reach another session
            _stop(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise MethodError(f"stopped after {time_limit:g} s (--time_limit)") from error
            raise
        measured = json.loads(found.read_text("utf-8")) if found.is_file() else {}
    return Measured(status, measured.get("peak_mib"), measured.get("seconds", math.nan))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and, but for Windows, those that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(log: str) -> str:
    """Return the first line of a log that begins with `error: `, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
