"""Addresses, flags and tables, without Ray."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.cluster.__main__ import main
from apps.cluster.addresses import UsageError, address, images_in, write_whole
from apps.cluster.method import Messages, Method
from apps.cluster.tests.files import ROOT, contents, run, run_fusion, sources, write_pairs

pytest.importorskip("upath", reason="universal_pathlib is not installed")
FUSE = ROOT / "apps" / "cluster" / "fuse.py"


@pytest.fixture(scope="module")
def method() -> Method:
    return Method("densefuse")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", 3)


@pytest.fixture
def memory(pairs: Path) -> str:
    """Copy the pairs into a file system that is not of paths."""
    store = address("memory://store")
    if store.exists():
        store.fs.rm(store.path, recursive=True)
    for path in pairs.glob("*/*.png"):
        target = store / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return "memory://store"


def test_paths_and_addresses_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert address("a/b.png") == tmp_path / "a" / "b.png"
    assert address("file:///data/b.png") == Path("/data/b.png")
    assert address("nothing:/b.png") == tmp_path / "nothing:" / "b.png"
    for text in ("memory://a/b.png", Path("memory://a/b.png"), tmp_path / "memory://a/b.png"):
        assert str(address(text)) == "memory://a/b.png"


def test_a_missing_package_of_a_file_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # its import fails
    with pytest.raises(UsageError, match=r"s3://bucket/vis.*s3fs.*apps/cluster/requirements\.txt"):
        address("s3://bucket/vis")


def test_files_at_addresses_are_written_whole_or_not_at_all(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = address(f"{memory}/result.png")
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"

    def fail(*words: object) -> None:
        raise OSError("connection lost")

    with monkeypatch.context() as patch:
        patch.setattr(type(path.fs), "mv", fail)
        with pytest.raises(OSError, match="connection lost"):
            write_whole(path, b"third")
    assert path.read_bytes() == b"second"
    assert [each.name for each in address(memory).iterdir() if each.suffix == ".tmp"] == []


def test_images_at_an_address_are_listed(memory: str) -> None:
    folder = address(f"{memory}/vis")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    names = [path.name for path in images_in(folder, "--vis", [".png"])]
    assert names == ["p0.png", "p1.png", "p2.png"]
    with pytest.raises(UsageError, match="--ir"):
        images_in(address(f"{memory}/absent"), "--ir", [".png"])


def test_pairs_at_addresses_are_fused_as_run_fusion_does(
    method: Method, memory: str, pairs: Path, tmp_path: Path
) -> None:
    args = method.parse([*sources(memory), "--output", "memory://store/fused", "--strategy", "l1"])
    jobs = method.find_jobs(args)
    method.prepare(jobs)
    fusion, readers = method.load(args)
    for job in jobs:
        method.write(job.output, fusion.fuse(readers[job.kind](job, args, Messages())))
    done = run_fusion(*sources(pairs), "--output", tmp_path / "fused", "--strategy", "l1")
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_bytes() for path in address("memory://store/fused").iterdir()}
    assert found == contents(tmp_path / "fused")
    assert len(found) == 3


def test_lists_name_addresses(method: Method, memory: str, tmp_path: Path) -> None:
    table, other = tmp_path / "list.csv", "memory://other/second.png"
    rows = [f"{memory}/vis/p0.png,pairs/ir/p1.png,first.png", f"pairs/vis/p0.png,b.png,{other}"]
    table.write_text("\n".join(["vis,ir,output", *rows]))
    jobs = method.find_jobs(method.parse(["--pairs", str(table), "--output", f"{memory}/out"]))
    places = {tuple(str(path) for path in (*job.sources, job.output)) for job in jobs}
    assert places == {
        (f"{memory}/vis/p0.png", f"{tmp_path}/pairs/ir/p1.png", f"{memory}/out/first.png"),
        (f"{tmp_path}/pairs/vis/p0.png", f"{tmp_path}/b.png", other),
    }


def test_failures_at_addresses_are_a_list(method: Method, memory: str, tmp_path: Path) -> None:
    table = tmp_path / "failures.csv"
    args = method.parse([*sources(memory), "--output", f"{memory}/out"])
    jobs = method.find_jobs(args)
    tally = method.tally(jobs, args, table)
    tally.add_failed(jobs[1], ValueError("bad"))
    assert tally.summarize() == 1
    again = method.find_jobs(method.parse(["--pairs", str(table), "--output", f"{memory}/out"]))
    found = [tuple(map(str, (*job.sources, job.output))) for job in again]
    assert found == [tuple(map(str, (*jobs[1].sources, jobs[1].output)))]


def test_what_is_wrong_at_an_address_is_named(method: Method, memory: str) -> None:
    args = method.parse([*sources(memory), "--output", f"{memory}/out"])
    job = method.find_jobs(args)[1]
    data = job.sources[0].read_bytes()
    job.sources[0].write_bytes(data[: len(data) // 2])
    _, readers = method.load(args)
    with pytest.raises(method.errors[0], match=f"{memory}/vis/p1.png is cut short"):
        readers[job.kind](job, args, Messages())
    job.sources[1].unlink()
    with pytest.raises(UsageError, match=r"p1\.png first.*--allow_unmatched"):
        method.find_jobs(args)
    args.allow_unmatched = True
    assert len(method.find_jobs(args)) == 2


@pytest.mark.parametrize("words, message", [
    (["--vis", "a", "--ir", "b"], "--output is missing"),
    (["--output", "out"], "--vis --ir"),
    (["--vis", "a", "--ir", "b", "--output", "out"], "no folder"),
    (["--vis", "memory://absent", "--ir", "b", "--output", "out"], "memory://absent"),
    (["--images", "memory://a", "memory://b", "--output", "out"], "--vis and --ir"),
    (["--register", "affine", "--register_rig", "--output", "out"], "--register_from"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--method", "densefuse", *words]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_a_video_is_left_to_run_fusion(method: Method, tmp_path: Path) -> None:
    for name in ("vis.mp4", "ir.mp4"):
        (tmp_path / name).write_bytes(b"")
    words = ["--vis", "vis.mp4", "--ir", "ir.mp4", "--output", "fused.mp4"]
    args = method.parse([str(tmp_path / word) if "." in word else word for word in words])
    with pytest.raises(UsageError, match=r"run_fusion\.py"):
        method.find_jobs(args)


def test_help_and_a_missing_ray(tmp_path: Path, pairs: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('blocked')\n")
    blocked = {"PYTHONPATH": str(tmp_path)}
    done = run(tmp_path, FUSE, "--help", **blocked)
    assert done.returncode == 0
    assert "--num_cpus" in done.stdout
    words = ("--method", "densefuse", *sources(pairs), "--output", tmp_path / "fused")
    done = run(tmp_path, FUSE, *words, **blocked)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "pip install -r apps/cluster/requirements.txt" in line


def test_results_that_are_there_need_no_ray(tmp_path: Path, pairs: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('blocked')\n")
    shutil.copytree(pairs / "vis", tmp_path / "fused")
    words = ("--method", "densefuse", *sources(pairs), "--output", tmp_path / "fused")
    done = run(tmp_path, FUSE, *words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "skipped 3" in done.stdout
    assert contents(tmp_path / "fused") == contents(pairs / "vis")


def test_scores_are_kept_and_added_to(tmp_path: Path) -> None:
    pytest.importorskip("pywt", reason="the benchmark's packages are not installed")
    from apps.cluster.scores import Scores

    path = tmp_path / "scores.csv"
    scores = Scores(path, "DenseFuse", ["en", "mi"], replace=False)
    scores.add("b", [1 / 3, np.inf])
    scores.add("=a", [2.0, 3.0])
    scores.write()
    assert (
        path.read_text() == "method,image,en,mi\nDenseFuse,'=a,2,3\nDenseFuse,b,0.333333333,inf\n"
    )
    again = Scores(path, "DenseFuse", ["en", "mi"], replace=False)
    assert "=a" in again
    assert "c" not in again
    again.write()
    assert len(path.read_text().splitlines()) == 3
    with pytest.raises(UsageError, match=r"scores\.csv"):
        Scores(path, "DenseFuse", ["en"], replace=False)
    assert "b" not in Scores(path, "DenseFuse", ["en"], replace=True)
