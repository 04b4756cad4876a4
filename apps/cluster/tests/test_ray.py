"""Fusing with Ray, with processes that are lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.cluster import stream
from apps.cluster.__main__ import main
from apps.cluster.method import Messages
from apps.cluster.stages import Fuser
from apps.cluster.tests.files import ROOT, contents, run, run_fusion, sources, write_pairs

ray = pytest.importorskip("ray", reason="Ray is not installed")
pytest.importorskip("upath", reason="universal_pathlib is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
FUSE = ("apps/cluster/fuse.py", "--method", "densefuse", "--num_cpus", 2)


def parents() -> dict[int, int]:
    """Return the parent of each process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    return found


def workers(program: int) -> Iterator[int]:
    """Yield the processes of Ray that fuse for a program."""
    above = parents()
    for number in above:
        each = number
        while each in above and each != program:
            each = above[each]
        try:
            name = Path(f"/proc/{number}/cmdline").read_text()
        except OSError:
            continue
        if each == program and name.startswith("ray::MapWorker"):
            yield number


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to look into")
def test_a_lost_process_and_a_bad_pair_cost_nothing_else(tmp_path: Path) -> None:
    pairs, output = write_pairs(tmp_path / "pairs", 60), tmp_path / "fused"
    bad = pairs / "vis" / "p7.png"
    good = bad.read_bytes()
    done = run_fusion(*sources(pairs), "--output", tmp_path / "expected")
    assert done.returncode == 0, done.stderr
    expected = contents(tmp_path / "expected")
    bad.write_bytes(good[:200])
    words = (*FUSE, *sources(pairs), "--output", output, "--score", "--metrics", "en", "mi")
    program = subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    while len(list(output.glob("*.png"))) < 3:
        assert program.poll() is None
        time.sleep(0.01)
    victim = next(workers(program.pid))
    os.kill(victim, signal.SIGKILL)
    _, errors = program.communicate()
    assert program.returncode == 1
    assert f"{bad} is cut short" in errors
    assert contents(output) == {name: data for name, data in expected.items() if name != "p7.png"}
    assert {path.suffix for path in output.iterdir()} == {".png", ".csv"}
    assert f"{bad}," in (output / "failures.csv").read_text()
    times = {path: path.stat().st_mtime_ns for path in output.glob("*.png")}
    bad.write_bytes(good)
    again = (*FUSE, "--num_gpus", 1, "--pairs", output / "failures.csv", "--output", output)
    done = run(ROOT, *again, "--score", "--metrics", "en", "mi")
    assert done.returncode == 0, done.stderr
    assert contents(output) == expected
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert not (output / "failures.csv").exists()
    words = ("--metrics", "en", "mi", "--fused", f"DenseFuse={output}", "--workers", 1)
    table = tmp_path / "scores.csv"
    done = run(ROOT, "-m", "benchmark.evaluate", *sources(pairs), *words, "--output", table)
    assert done.returncode == 0, done.stderr
    assert (output / "scores.csv").read_bytes() == table.read_bytes()


class Deadly(Fuser):
    """Ends its process when it meets p2."""

    def _fuse(self, job: Any, messages: Messages) -> float:
        if job.output.name == "p2.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._fuse(job, messages)


def test_a_pair_that_ends_its_process_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pairs, output = write_pairs(tmp_path / "pairs", 5), tmp_path / "fused"
    monkeypatch.setattr(stream, "Fuser", Deadly)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where Ray's processes find this file
    words = ["--method", "densefuse", "--num_cpus", "2", *sources(pairs), "--output", str(output)]
    try:
        assert main(words) == 1
    finally:
        ray.shutdown()
    assert sorted(contents(output)) == ["p0.png", "p1.png", "p3.png", "p4.png"]
    [_, row] = (output / "failures.csv").read_text().splitlines()
    assert "p2.png" in row
    assert "2 times" in row
    assert row.rpartition(",")[2] in capfd.readouterr().err
