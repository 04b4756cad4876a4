"""Scores of shards, and the table that they are merged into."""

import shutil
from pathlib import Path

import pytest

from benchmark import merge
from benchmark.tests.cli import PAIRS, SCENES, read, run

CHOSEN = ["--metrics", "en", "sf", "mi"]


def score_parts(folder: Path, count: int, *arguments: str) -> list[Path]:
    """Score every part, the last one first, and return the tables in this order."""
    for part in range(count, 0, -1):
        done = run(folder, *arguments, "--shard", f"{part}/{count}")
        assert done.returncode == 0, done.stderr
    return [folder / f"out/scores-{part}-of-{count}.csv" for part in range(count, 0, -1)]


def merged(folder: Path, *paths: Path) -> tuple[int, Path]:
    output = folder / "merged.csv"
    arguments = [*map(str, paths), "--output", str(output)]
    return merge.main(merge.parse_args(arguments)), output


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_merged_table_is_that_of_all_images(folder: Path, count: int) -> None:
    (folder / "ir/IR2.png").rename(folder / "ir/IR_=2.png")  # a formula to spreadsheets
    (folder / "vis/VIS2.png").rename(folder / "vis/VIS_=2.png")
    for method in ("mean", "visible"):
        (folder / method / "2.png").rename(folder / method / "=2.png")
    shutil.copy(folder / "ir/IR1.png", folder / "ir/IR10.png")
    shutil.copy(folder / "vis/VIS1.png", folder / "vis/VIS10.png")
    for method in ("mean", "visible"):
        shutil.copy(folder / method / "3.png", folder / method / "10.png")
    assert run(folder, *PAIRS, *CHOSEN).returncode == 0
    status, output = merged(folder, *score_parts(folder, count, *PAIRS, *CHOSEN))
    assert status == 0
    assert output.read_bytes() == (folder / "out/scores.csv").read_bytes()


def test_scenes_of_different_lengths_have_the_columns_of_all(
    scenes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(scenes, *SCENES)
    tables = score_parts(scenes, 3, *SCENES)
    assert [len(read(table)) for table in tables] == [3, 3, 3]  # one scene of two methods each
    status, output = merged(scenes, *tables)
    assert status == 0
    assert output.read_bytes() == (scenes / "out/scores.csv").read_bytes()
    printed = capsys.readouterr().out.splitlines()
    assert printed == whole.stdout.splitlines()[1:]  # without the line on the convention


def test_incomplete_or_foreign_tables_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    third, second, first = score_parts(folder, 3, *PAIRS, *CHOSEN)
    other = folder / "out/scores-1-of-2.csv"
    shutil.copy(first, other)
    plain = folder / "out/scores.csv"
    shutil.copy(first, plain)
    for paths, message in (
        ((first, third), "part 2 of 3 is missing (1 in all)"),
        ((first, second, third, third), "part 3 of 3 is given twice"),
        ((first, second, other), "tables of different divisions: of 2 and of 3"),
        ((plain, second, third), f"{plain} is not called as a shard's table"),
        ((first, second, folder / "out/scores-3-of-4.csv"), "different divisions"),
    ):
        status, output = merged(folder, *paths)
        assert (status, output.exists()) == (1, False)
        assert message in capsys.readouterr().err

    for text, message in (
        (first.read_text(), f"and {first} have scores of mean on 1"),
        ("", "is not a table of benchmark.evaluate"),
        ("method,image,en,sf\nmean,2,1,2\n", "has the metrics en sf"),
        ("method,image,en,sf,mi\nmean,2,1\n", "line 2: 3 cells, expected 5"),
    ):
        second.write_text(text)
        status, output = merged(folder, first, second, third)
        assert (status, output.exists()) == (1, False)
        assert message in capsys.readouterr().err


def test_a_merged_table_is_not_replaced_unasked(folder: Path) -> None:
    tables = score_parts(folder, 2, *PAIRS, *CHOSEN)
    (folder / "merged.csv").touch()
    assert merged(folder, *tables)[0] == 1
    assert merged(folder, *tables, Path("--overwrite"))[0] == 0
    assert run(folder, *PAIRS, *CHOSEN, "--shard", "1/2").returncode == 1  # its table exists
