"""Measure the efficiency of methods, each in a process of its own."""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmark.efficiency import Efficiency
from benchmark.environment import child_environment
from benchmark.external import Command
from benchmark.fuse_all import RunSummary
from benchmark.fusing import MethodError, ResultFolder, last_words, run_measured
from benchmark.methods import Method


def measure(method: Method, device: str, python: str = sys.executable) -> Efficiency:
    """Measure a method in its folder.

    Args:
        method: A method or a baseline.
        device: Value of `--device`; baselines always run on the CPU.
        python: The interpreter.

    Raises:
        MethodError: The process failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file, log = Path(scratch) / "efficiency.json", Path(scratch) / "log.txt"
        command = [python, "-m", "benchmark.efficiency.measure", str(file)]
        command += ["--rule", method.command[-1]] if method.baseline else ["--device", device]
        command += ["--student_of", method.teacher, method.command[-1]] if method.teacher else []
        run = run_measured(command, method.folder, log, environment=child_environment())
        if run.status:
            raise MethodError(last_words(log.read_text("utf-8", errors="replace")))
        return Efficiency(**json.loads(file.read_text("utf-8")))


def add_efficiency(
    summary: RunSummary,
    chosen: Mapping[str, Method | Command],
    folders: Mapping[str, ResultFolder],
    python: str,
) -> None:
    """Measure the methods that have fused, unless an earlier run did, and keep it in the records.

    Commands of others are not measured: they are run, not imported. If a measurement fails, the
    method keeps its scores, and the note of its record gives the reason.
    """
    for name, record in summary.records.items():
        method = chosen[name]
        if not isinstance(method, Method) or record.efficiency:
            continue
        print(f"{name}: measuring its efficiency ...", flush=True)
        try:
            record = replace(record, efficiency=measure(method, record.device, python))
            folders[name].keep(record)
        except MethodError as error:
            record = replace(record, note=f"efficiency not measured: {error}")
            print(f"error: {name}: {record.note}", file=sys.stderr)
        summary.records[name] = record
