# From common_code/base/tests/common/test_pair_list.py; edit it there, then tools/sync.py.
"""Lists of what to fuse, and of what could not be fused."""

from argparse import Namespace
from pathlib import Path

import pytest

from utils.common.failures import Failure, failures_path, write_failures
from utils.common.pair_list import read_lists
from utils.common.pairs import FusionJob, SourceKind
from utils.common.shard import Shard
from utils.utils import InputError

KINDS = [
    SourceKind("pair", ("vis", "ir"), lambda *_: {}, roles=("vis", "ir")),
    SourceKind("exposures", ("under", "over"), lambda *_: {}, set_flag="scene_dir"),
]
DEFAULT = Path("results")


def put_list(folder: Path, text: str, name: str = "list.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_paths_are_relative_to_the_list(tmp_path: Path) -> None:
    path = put_list(tmp_path, "ir,vis,weather\nir/b_ir.png,vis/b_vis.png,fog\n/far/a.png,a.png,\n")
    assert read_lists([path], KINDS, None, DEFAULT) == [
        FusionJob((tmp_path / "a.png", Path("/far/a.png")), DEFAULT / "a.png", "pair"),
        FusionJob(
            (tmp_path / "vis/b_vis.png", tmp_path / "ir/b_ir.png"), DEFAULT / "b.png", "pair"
        ),
    ]
    [first, _] = read_lists([path], KINDS, tmp_path / "out", DEFAULT)
    assert first.output == tmp_path / "out" / "a.png"


def test_a_column_names_results(tmp_path: Path) -> None:
    path = put_list(tmp_path, "\ufeffunder,over,output\nu.png,o.png,x/1.tif\nu.png,o.png,\n")
    here, there = (read_lists([path], KINDS, out, DEFAULT) for out in (None, Path("out")))
    assert {job.output for job in here} == {tmp_path / "x/1.tif", DEFAULT / "u.png"}
    assert {job.output for job in there} == {Path("out/x/1.tif"), Path("out/u.png")}
    assert {job.kind for job in here} == {"exposures"}


def test_any_number_of_sources_and_several_lists(tmp_path: Path) -> None:
    text = "images1,images2,images3\na.png,b.png,c.png\nd.png,e.png,\n"
    paths = [put_list(tmp_path, text), put_list(tmp_path, "vis,ir\nv.mp4,i.mp4\n", "other.csv")]
    paths[1].write_text("vis,ir,output\nv.mp4,i.mp4,fused.mp4\n")
    first, second, video = read_lists(paths, KINDS, Path("out"), DEFAULT)
    assert first.sources == tuple(tmp_path / f"{n}.png" for n in "abc")
    assert (second.kind, len(second.sources)) == ("images", 2)
    assert (video.kind, video.output) == ("pair", Path("out/fused.mp4"))


def test_parts_of_a_list_are_all_of_it(tmp_path: Path) -> None:
    rows = "".join(f"v{n}.png,i{n}.png\n" for n in range(7))
    path = put_list(tmp_path, f"vis,ir\n{rows}")
    whole = read_lists([path], KINDS, None, DEFAULT)
    parts = [read_lists([path], KINDS, None, DEFAULT, Shard(n, 3)) for n in (1, 2, 3)]
    assert [len(part) for part in parts] == [3, 2, 2]
    assert sorted(job.output for part in parts for job in part) == [job.output for job in whole]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns are missing; expected vis,ir or under,over"),
        ("visible,ir\na.png,b.png\n", "line 1: the columns are visible,ir"),
        ("vis,ir\n", r"list.csv \(--pairs\): no rows"),
        ("vis,ir\na.png,b.png\na.png,\n", "line 3: expected two or more sources of one kind"),
        ("vis,ir\na.png,b.png,c.png\n", "line 2: more cells than in line 1"),
        ("vis,ir,under,over\na.png,b.png,c.png,d.png\n", "line 2: expected two or more"),
        ("vis,ir\n1/a.png,b.png\n2/a.png,b.png\n", "line 3: its result is results/a.png"),
        ("vis,ir,output\na.png,b.png,c\n", "line 2: .*c .output. is no image"),
        ("vis,ir,output\na.png,b.png,c.mp4\n", "line 2: --output .*c.mp4 is a video"),
        ("vis,ir\na.mp4,b.mp4\n", "line 2: .*a.mp4 is a video"),
        ('vis,ir\n"a.png,b.png\n', "cannot read .*list.csv"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_lists([put_list(tmp_path, text)], KINDS, None, DEFAULT)


def test_an_absent_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent.csv \(--pairs\)"):
        read_lists([tmp_path / "absent.csv"], KINDS, None, DEFAULT)


@pytest.mark.parametrize(
    ("output", "pairs", "shard", "expected"),
    [
        ("out", None, None, "out/failures.csv"),
        ("out", None, Shard(2, 3), "out/failures-2-of-3.csv"),
        (None, ["out/failures.csv"], None, "out/failures.csv"),
        (None, ["lists/a.csv"], None, "out/deep/failures.csv"),
        (None, None, None, "out/deep/failures.csv"),
    ],
)
def test_where_failures_are_listed(
    output: str | None, pairs: list[str] | None, shard: Shard | None, expected: str
) -> None:
    jobs = [FusionJob((Path("a"), Path("b")), Path(f"out/deep/{n}/1.png")) for n in "ab"]
    args = Namespace(
        output=output and Path(output), pairs=pairs and list(map(Path, pairs)), shard=shard
    )
    found = failures_path(jobs, args)
    assert found is not None
    assert found.absolute() == Path(expected).absolute()
    single = failures_path(jobs[:1], args)
    assert (single is None) == (pairs is None and shard is None)


@pytest.mark.parametrize("output", [None, "given"])
def test_failures_are_a_list(tmp_path: Path, output: str | None) -> None:
    out = tmp_path / "given"
    out.mkdir()
    jobs = [
        FusionJob((tmp_path / "v.png", tmp_path / "i, 2.png"), out / "deep" / "1.png", "pair"),
        FusionJob((tmp_path / "u.png", tmp_path / "o.png"), out / "2.png", "exposures"),
        FusionJob(tuple(tmp_path / f"{n}.png" for n in "abc"), out / "3.png", "exposures"),
        FusionJob(tuple(tmp_path / f"{n}.png" for n in "ab"), tmp_path / "4.png", "images"),
    ]
    path = out / "failures.csv"
    write_failures(path, [Failure(job, "it is\nbroken") for job in jobs])
    found = read_lists([path], KINDS, tmp_path / output if output else None, DEFAULT)
    assert sorted(found, key=lambda job: job.output) == sorted(jobs, key=lambda job: job.output)
    assert path.read_text().splitlines()[1].endswith(",deep/1.png,it is broken")
    write_failures(path, [])
    assert not path.exists()
