"""The methods and baselines, and running one of them as a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from sets import ROOT, ImageSet, Kind

HERE = Path(__file__).resolve().parent
MEAN_TIME = re.compile(r"^Mean time: ([0-9.]+) seconds per result", re.MULTILINE)


class Method(NamedTuple):
    """A script that fuses folders of images.

    Attributes:
        kinds: What it is made for.
        script: What is started, in the script's own folder.
        arguments: What it takes before the flags of `run_fusion.py`.
        baseline: It is no network: it takes neither `--device` nor `--threads`.
    """

    kinds: tuple[Kind, ...]
    script: Path
    arguments: tuple[str, ...] = ()
    baseline: bool = False


def _baseline(rule: str, *kinds: Kind) -> Method:
    return Method(kinds, HERE / "baselines.py", (rule,), baseline=True)


METHODS = {
    "DeepFuse": Method(("exposures",), ROOT / "DeepFuse_2017" / "run_fusion.py"),
    "DenseFuse": Method(("pairs",), ROOT / "DenseFuse_2019" / "run_fusion.py"),
    "NestFuse": Method(("pairs",), ROOT / "NestFuse_2020" / "run_fusion.py"),
    "U2Fusion": Method(("pairs", "exposures"), ROOT / "U2Fusion_2020" / "run_fusion.py"),
    "BFFR": Method(("pairs",), ROOT / "BFFR_2022" / "run_fusion.py"),
    "Average": _baseline("average", "pairs", "exposures"),
    "Laplacian": _baseline("laplacian", "pairs", "exposures"),
    "Mertens": _baseline("mertens", "exposures"),
}


@dataclass(frozen=True)
class Made:
    """What is known of how a method's results were made.

    Attributes:
        seconds: A pair, as the method printed it.
        peak_mib: The process's largest resident memory.
        device: What was asked for, as in `--device`.
        reused: The results are those of an earlier run.
    """

    seconds: float | None
    peak_mib: float | None
    device: str
    reused: bool = False


class Place:
    """Where the results of one method and what is known of them go."""

    def __init__(self, output: Path, name: str) -> None:
        self.fused = output / "fused" / name
        self.log = output / "logs" / f"{name}.txt"
        self.record = output / "logs" / f"{name}.json"

    def results(self, images: ImageSet) -> dict[str, Path]:
        """Return where the result of each scene is."""
        return {scene: self.fused / f"{scene}.png" for scene in images.scenes}

    def existing(self, images: ImageSet) -> list[Path]:
        """Return the results that are there."""
        return [path for path in self.results(images).values() if path.exists()]

    def earlier(self, images: ImageSet) -> Made | None:
        """Return what is known of complete results of an earlier run, if they are there.

        A record that cannot be read, as a killed run leaves it, is as good as none.
        """
        if not self.record.is_file() or len(self.existing(images)) < len(images.scenes):
            return None
        try:
            return Made(**{**json.loads(self.record.read_text("utf-8")), "reused": True})
        except (ValueError, TypeError):
            return None


class MethodError(Exception):
    """A method did not fuse everything; the message says why."""


def fuse(
    method: Method,
    place: Place,
    images: ImageSet,
    sources: Sequence[str],
    device: str,
    more: Sequence[str],
    python: str = sys.executable,
) -> Made:
    """Run a method on a set, as a process of its own.

    Args:
        method: What to run.
        place: Where results, log and record go.
        images: The set.
        sources: The flags that name the set's images.
        device: For `--device`.
        more: Further flags of `run_fusion.py`, baselines excepted.
        python: The interpreter.

    Raises:
        MethodError: It ended with an error or left a result out.
    """
    flags = [*sources, "--output", str(place.fused.resolve())]
    command = [python, method.script.name, *method.arguments, *flags]
    if not method.baseline:
        command += ["--device", device, *more]
    elif "--overwrite" in more:
        command.append("--overwrite")
    place.record.unlink(missing_ok=True)  # holds for complete results only
    status, peak = run_measured(command, method.script.parent, place.log)
    log = place.log.read_text("utf-8", errors="replace")
    if status:
        raise MethodError(f"ended with status {status}: {last_words(log)}")
    missing = [scene for scene, path in place.results(images).items() if not path.exists()]
    if missing:
        raise MethodError(
            f"made no result for {missing[0]} ({len(missing)} of {len(images.scenes)} missing)"
        )
    found = MEAN_TIME.search(log)
    made = Made(float(found[1]) if found else None, peak, "cpu" if method.baseline else device)
    place.record.write_text(json.dumps(asdict(made)) + "\n", encoding="utf-8")
    return made


def run_measured(command: Sequence[str], folder: Path, log: Path) -> tuple[int, float | None]:
    """Run a command, its output into a file; return its status and peak memory, MiB."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, log.open("wb") as output:
        peak = Path(scratch) / "peak"
        launcher = [sys.executable, str(HERE / "measured.py"), str(peak)]
        status = subprocess.run(
            [*launcher, *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        return status, float(peak.read_text("utf-8")) if peak.is_file() else None


def last_words(log: str) -> str:
    """Return the first line that says `error`, else the last one that says anything."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
