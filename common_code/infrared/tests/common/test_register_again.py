# From common_code/infrared/tests/common/test_register_again.py; edit it there, then tools/sync.py.
"""Tables of transforms of runs that were stopped, and of shards."""

from pathlib import Path

from tests.common.test_pair_reader import put_moved
from tests.conftest import Call
from utils.common.registration_csv import HEAD, go_on_with_table, read_table

AFFINE = ("--register", "affine")


def put_pairs(folder: Path, count: int) -> tuple[object, ...]:
    """Write moved pairs 0, 1, ... and return the flags that fuse them."""
    for number in range(count):
        put_moved(folder, str(number), number)
    return ("--vis", folder / "vis", "--ir", folder / "ir", "--output", folder / "out", *AFFINE)


def test_a_run_that_goes_on_has_every_pair_once(fuse: Call, tmp_path: Path) -> None:
    flags = put_pairs(tmp_path, 2)
    table = tmp_path / "found.csv"
    assert fuse(*flags, "--register_to", table).status == 0
    whole = table.read_text()
    head, first, second = whole.splitlines()
    (tmp_path / "out" / "1.png").unlink()  # stopped between the row and the result
    kept = first.replace(",registered,", ",already aligned,")
    table.write_text("\n".join([head, kept, second, second[:20]]))  # and within a row
    assert fuse(*flags, "--register_to", table, "--skip_existing").status == 0
    assert table.read_text().splitlines() == [head, kept, second]


def test_frames_of_a_video_that_is_made_again(tmp_path: Path) -> None:
    table = tmp_path / "found.csv"
    matrix = ",1,1,0,0,0,1,0,0,0,1"
    names = ("a 0", "a 1", "b 0", "a", "*")
    table.write_text("\n".join([",".join(HEAD), *(f"{n},registered{matrix}" for n in names)]))
    go_on_with_table(table, lambda name: name == "*" or name.startswith("a "))
    assert list(read_table(table)) == ["b 0", "a"]


def test_shards_have_a_table_each_and_no_rig_of_their_own(fuse: Call, tmp_path: Path) -> None:
    flags = put_pairs(tmp_path, 2)
    table = tmp_path / "found.csv"
    for part in (1, 2, 3):  # the last one is empty
        assert fuse(*flags, "--register_to", table, "--shard", f"{part}/3").status == 0
    found = [list(read_table(tmp_path / f"found-{part}-of-3.csv")) for part in (1, 2, 3)]
    assert found == [["0"], ["1"], []]
    outcome = fuse(*flags, "--register_rig", "--shard", "1/3", "--overwrite")
    assert outcome.status == 1
    assert "give it to all shards with --register_from" in outcome.err


def test_pairs_of_one_name_cannot_be_in_a_table(fuse: Call, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("vis,ir,output\n1/a.png,1/b.png,1.png\n2/a.png,2/b.png,2.png\n")
    outcome = fuse("--pairs", listed, *AFFINE, "--register_to", tmp_path / "found.csv")
    assert outcome.status == 1
    assert "2 pairs are called a" in outcome.err
