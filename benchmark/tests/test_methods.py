from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from stand_ins import add_pairs, stand_in

from methods import METHODS, MethodError, Place, fuse, last_words, run_measured
from sets import ROOT, ImageSet, find_set, stage

HOLD = "held = bytearray(b'1') * {} ; print('held')"


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    add_pairs(tmp_path / "set", "abc")
    return find_set(str(tmp_path / "set"))


def run(tmp_path: Path, images: ImageSet, behaviour: str, *more: str) -> Place:
    place = Place(tmp_path / "out", behaviour)
    flags = stage(images, tmp_path / "staged")
    fuse(stand_in(tmp_path, behaviour), place, images, flags, "cpu", more)
    return place


def test_every_method_s_script_is_there() -> None:
    assert [name for name, method in METHODS.items() if not method.script.is_file()] == []
    folders = {path.parent for path in ROOT.glob("*_20[0-9][0-9]/run_fusion.py")}
    assert folders == {m.script.parent for m in METHODS.values() if not m.baseline}


def test_a_method_runs_in_its_own_folder(tmp_path: Path, images: ImageSet) -> None:
    place = run(tmp_path, images, "good", "--overwrite", "--extra", "word")
    assert {path.stem for path in place.fused.iterdir()} == {"a", "b", "c"}
    log = place.log.read_text()
    assert f"folder {tmp_path / 'methods'}" in log
    assert "--device cpu --overwrite --extra word" in log
    record = json.loads(place.record.read_text())
    assert record["seconds"] == 0.125
    assert 5 < record["peak_mib"] < 1000
    earlier = place.earlier(images)
    assert earlier
    assert earlier.reused
    assert earlier.seconds == 0.125


def test_baselines_take_no_device(tmp_path: Path, images: ImageSet) -> None:
    place = Place(tmp_path / "out", "Average")
    flags = stage(images, tmp_path / "staged")
    made = fuse(METHODS["Average"], place, images, flags, "cuda:7", ["--threads", "1"])
    assert made.device == "cpu"
    assert len(place.existing(images)) == 3


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("failing", "ended with status 3: error: b.png is broken"),
        ("partial", r"made no result for b \(1 of 3 missing\)"),
        ("silent", "ended with status 4: it printed nothing"),
    ],
)
def test_failures_leave_no_record(
    tmp_path: Path, images: ImageSet, behaviour: str, message: str
) -> None:
    place = Place(tmp_path / "out", behaviour)
    place.record.parent.mkdir(parents=True)
    place.record.write_text("{}")  # of an earlier run
    with pytest.raises(MethodError, match=message):
        run(tmp_path, images, behaviour)
    assert not place.record.exists()
    assert place.earlier(images) is None


def test_results_without_a_record_are_none_to_reuse(tmp_path: Path, images: ImageSet) -> None:
    place = run(tmp_path, images, "good")
    place.results(images)["b"].unlink()
    assert place.earlier(images) is None
    assert len(place.existing(images)) == 2


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


def test_last_words() -> None:
    assert last_words("a\nerror: first\nerror: 1 of 2 failed\n") == "error: first"
    assert last_words("Traceback\n\rValueError: odd\n\n") == "ValueError: odd"
    assert last_words(" \n") == "it printed nothing"
