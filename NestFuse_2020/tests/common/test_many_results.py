# From common_code/photographs/tests/common/test_many_results.py; edit it there, then tools/sync.py.
"""Runs of many results: going on, failures, lists and shards."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair
from utils.common import registered_pairs

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def flags(tmp_path: Path) -> list[object]:
    """Flags of five pairs, of which none is unsound, and of a folder for results."""
    for number, name in enumerate(NAMES):
        put_pair(tmp_path, name, number, size=(32, 32))
    return ["--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_results_that_exist_are_left_alone_and_not_read(
    tmp_path: Path, flags: list[object], fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for name in "ac":
        put(out / f"{name}.png", picture(9, 4, 4))
    (out / ".d.png.123.tmp").touch()  # of a process that was killed
    (out / ".other.png.123.tmp").touch()  # of another run
    read = registered_pairs.read_pair
    seen = []

    def read_and_note(job, *rest):
        seen.append(job.output.stem)
        return read(job, *rest)

    monkeypatch.setattr(registered_pairs, "read_pair", read_and_note)
    outcome = fuse(*flags, "--skip_existing")
    assert outcome.status == 0, outcome.err
    assert seen == ["b", "d", "e"]
    assert "Fused 3, skipped 2, failed 0" in outcome.out
    assert get(out / "a.png").shape == (4, 4, 3)
    assert names_in(out) == [".other.png.123.tmp", *(f"{name}.png" for name in NAMES)]
    again = fuse(*flags, "--skip_existing")
    assert (again.status, "Fused 0, skipped 5, failed 0" in again.out) == (0, True)
    assert seen == ["b", "d", "e"]


def test_keeping_and_replacing_exclude_each_other(flags: list[object], fuse: Call) -> None:
    outcome = fuse(*flags, "--skip_existing", "--overwrite")
    assert outcome.status == 1
    assert "--overwrite replaces results and --skip_existing keeps them" in outcome.err


def test_a_result_that_another_process_has_made_meanwhile_counts_as_skipped(
    tmp_path: Path, flags: list[object], fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = registered_pairs.read_pair

    def read_slowly(job, *rest):
        if job.output.stem == "b":
            put(job.output, picture(9))
        return read(job, *rest)

    monkeypatch.setattr(registered_pairs, "read_pair", read_slowly)
    outcome = fuse(*flags, "--skip_existing")
    assert (outcome.status, "Fused 4, skipped 1, failed 0" in outcome.out) == (0, True)
    np.testing.assert_array_equal(get(tmp_path / "out" / "b.png"), picture(9))


def test_failures_are_listed_and_can_be_fed_back(
    tmp_path: Path, flags: list[object], fuse: Call
) -> None:
    broken = [tmp_path / "vis" / "b.png", tmp_path / "ir" / "d.png"]
    kept = [path.read_bytes() for path in broken]
    for path in broken:
        path.write_bytes(b"")
    outcome = fuse(*flags)
    listed = tmp_path / "out" / "failures.csv"
    assert outcome.status == 1
    assert f"2 of 5 failed, see above; {listed} lists them for --pairs" in outcome.err
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["output"] for row in rows] == ["b.png", "d.png"]
    assert [row["vis"] for row in rows] == [str(tmp_path / "vis" / f"{n}.png") for n in "bd"]
    assert "b.png is empty" in rows[0]["error"]

    broken[0].write_bytes(kept[0])
    outcome = fuse("--pairs", listed)
    assert (outcome.status, "Fused 1, skipped 0, failed 1" in outcome.out) == (1, True)
    assert len(listed.read_text().splitlines()) == 2
    broken[1].write_bytes(kept[1])
    assert fuse("--pairs", listed, "--output", tmp_path / "out").status == 0
    assert names_in(tmp_path / "out") == [f"{name}.png" for name in NAMES]


def test_lists_of_failures_of_shards_are_replaced_by_one(
    tmp_path: Path, flags: list[object], fuse: Call
) -> None:
    (tmp_path / "vis" / "b.png").write_bytes(b"")
    (tmp_path / "vis" / "c.png").write_bytes(b"")
    statuses = [fuse(*flags, "--shard", f"{part}/3").status for part in (1, 2, 3)]
    assert statuses == [0, 1, 1]
    lists = [tmp_path / "out" / f"failures-{part}-of-3.csv" for part in (2, 3)]
    put_pair(tmp_path, "b", size=(32, 32))
    assert fuse("--pairs", *lists).status == 1
    found = ["a.png", "b.png", "d.png", "e.png", "failures.csv"]
    assert names_in(tmp_path / "out") == found


def test_a_list_of_failures_in_one_of_several_folders(tmp_path: Path, fuse: Call) -> None:
    rows = ["vis,ir,output"]
    for number in range(2):
        put_pair(tmp_path, str(number), number, size=(32, 32))
        rows.append(f"../vis/{number}.png,../ir/{number}.png,{number}/fused.png")
    sound = (tmp_path / "vis" / "1.png").read_bytes()
    (tmp_path / "vis" / "1.png").write_bytes(b"")
    listed = tmp_path / "out" / "list.csv"
    listed.parent.mkdir()
    listed.write_text("\n".join(rows))
    assert fuse("--pairs", listed).status == 1
    failures = tmp_path / "out" / "failures.csv"
    assert failures.is_file()
    (tmp_path / "vis" / "1.png").write_bytes(sound)
    assert fuse("--pairs", failures).status == 0
    assert names_in(tmp_path / "out") == ["0", "1", "list.csv"]


def test_videos_and_images_in_one_list(tmp_path: Path, fuse: Call) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("vis,ir,output\na.mp4,b.mp4,c.mp4\na.png,b.png,c.png\n")
    outcome = fuse("--pairs", listed)
    assert outcome.status == 1
    assert "1 of 2 sources are videos; list images by themselves" in outcome.err


def test_many_failures_stop_the_run(tmp_path: Path, flags: list[object], fuse: Call) -> None:
    for path in (tmp_path / "vis").iterdir():
        path.write_bytes(b"")
    outcome = fuse(*flags, "--max_failures", 2)
    assert outcome.status == 1
    assert "stopped after 2 failures (--max_failures 2), 3 of 5 were not tried" in outcome.err
    listed = tmp_path / "out" / "failures.csv"
    assert len(listed.read_text().splitlines()) == 3
    assert fuse("--pairs", listed, "--max_failures", 1).status == 1
    assert len(listed.read_text().splitlines()) == 3  # it still names what was not tried


@pytest.mark.parametrize("count", [2, 3, 7])
def test_shards_make_what_one_run_makes(
    tmp_path: Path, flags: list[object], fuse: Call, count: int
) -> None:
    assert fuse(*flags).status == 0
    made: list[str] = []
    for part in range(1, count + 1):
        place = tmp_path / "parts" / str(part)
        assert fuse(*flags[:-1], place, "--shard", f"{part}/{count}").status == 0
        names = names_in(place) if place.exists() else []
        made += names
        for name in names:
            np.testing.assert_array_equal(get(place / name), get(tmp_path / "out" / name))
    assert sorted(made) == names_in(tmp_path / "out")


def test_a_list_of_pairs(tmp_path: Path, fuse: Call) -> None:
    rows = ["vis,ir,output"]
    for number in range(3):
        put_pair(tmp_path / str(number), "1", number, size=(32, 32))
        rows.append(f"{number}/vis/1.png,{number}/ir/1.png,{number}/fused.png")
    listed = tmp_path / "list.csv"
    listed.write_text("\n".join(rows))
    outcome = fuse("--pairs", listed)
    assert outcome.status == 0, outcome.err
    assert all((tmp_path / str(number) / "fused.png").is_file() for number in range(3))
    assert "--skip_existing" in fuse("--pairs", listed).err  # nothing is replaced unasked
    assert fuse("--pairs", listed, "--overwrite").status == 0
    assert "do not go together" in fuse("--pairs", listed, "--vis", tmp_path).err
