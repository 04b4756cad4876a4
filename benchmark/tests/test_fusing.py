import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.fusing import (
    MethodError,
    ResultFolder,
    RunOptions,
    fuse,
    last_words,
    run_measured,
)
from benchmark.image_sets import ImageSet, find_set, stage
from benchmark.methods import BASELINES
from benchmark.tests.stand_ins import add_pairs, stand_in

HOLD = "held = bytearray(b'1') * {} ; print('held')"


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    add_pairs(tmp_path / "set", "abc")
    return find_set(str(tmp_path / "set"))


def run(tmp_path: Path, images: ImageSet, behavior: str, *extra: str) -> ResultFolder:
    results = ResultFolder(tmp_path / "out", behavior)
    flags = stage(images, tmp_path / "staged")
    fuse(
        stand_in(tmp_path, behavior),
        results,
        images,
        flags,
        RunOptions("cpu", extra, overwrite=True),
    )
    return results


def test_a_method_runs_in_its_own_folder(tmp_path: Path, images: ImageSet) -> None:
    results = run(tmp_path, images, "good", "--extra", "word")
    assert {path.stem for path in results.fused.iterdir()} == {"a", "b", "c"}
    log = results.log.read_text()
    assert f"folder {tmp_path / 'methods'}" in log
    assert "--device cpu --extra word --overwrite" in log
    record = json.loads(results.record.read_text())
    assert record["seconds"] == 0.125
    assert 5 < record["peak_mib"] < 1000
    earlier = results.earlier(images)
    assert earlier
    assert earlier.reused
    assert earlier.seconds == 0.125


def test_baselines_take_no_device(tmp_path: Path, images: ImageSet) -> None:
    results = ResultFolder(tmp_path / "out", "Average")
    flags = stage(images, tmp_path / "staged")
    options = RunOptions("cuda:7", ["--threads", "1"])
    record = fuse(BASELINES["Average"], results, images, flags, options)
    assert record.device == "cpu"
    assert len(results.existing(images)) == 3


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        ("failing", "ended with status 3: error: b.png is broken"),
        ("partial", r"made no result for b \(1 of 3 missing\)"),
        ("silent", "ended with status 4: it printed nothing"),
    ],
)
def test_failures_leave_no_record(
    tmp_path: Path, images: ImageSet, behavior: str, message: str
) -> None:
    results = ResultFolder(tmp_path / "out", behavior)
    results.record.parent.mkdir(parents=True)
    results.record.write_text("{}")  # of an earlier run
    with pytest.raises(MethodError, match=message):
        run(tmp_path, images, behavior)
    assert not results.record.exists()
    assert results.earlier(images) is None


def test_results_without_a_record_are_none_to_reuse(tmp_path: Path, images: ImageSet) -> None:
    results = run(tmp_path, images, "good")
    results.results(images)["b"].unlink()
    assert results.earlier(images) is None
    assert len(results.existing(images)) == 2


def test_peak_memory_is_the_command_s_alone(tmp_path: Path) -> None:
    here = np.ones(40 * 2**20)  # 320 MiB held by this process
    small, large = (
        run_measured([sys.executable, "-c", HOLD.format(size)], tmp_path, tmp_path / "log")
        for size in (1, 200 * 2**20)
    )
    assert here.all()
    assert (small[0], large[0]) == (0, 0)
    assert small[1] is not None
    assert large[1] is not None
    assert small[1] < 100
    assert 195 < large[1] - small[1] < 215
    assert (tmp_path / "log").read_text() == "held\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops one process only")
def test_what_runs_too_long_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    words = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    hanging = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {words!r}])"
    with pytest.raises(MethodError, match="stopped after 3 s"):
        run_measured([sys.executable, "-c", hanging], tmp_path, tmp_path / "log", 3)
    assert started.exists()
    running = subprocess.run(["ps", "axo", "args"], capture_output=True, text=True, check=True)
    assert str(started) not in running.stdout


def test_last_words() -> None:
    assert last_words("a\nerror: first\nerror: 1 of 2 failed\n") == "error: first"
    assert last_words("Traceback\n\rValueError: odd\n\n") == "ValueError: odd"
    assert last_words(" \n") == "it printed nothing"
