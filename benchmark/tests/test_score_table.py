from pathlib import Path

import pytest

from benchmark.score_table import Row, write_csv
from benchmark.tests.cli import read, run


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+cmd|x", "'+cmd|x"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-3", "-3"),
        ("+1e2", "+1e2"),
        ("a=b", "a=b"),
        ("图,1", "图,1"),
        ("", ""),
    ],
)
def test_no_name_is_run_as_a_formula(tmp_path: Path, name: str, cell: str) -> None:
    write_csv(tmp_path / "a.csv", ["scd"], [Row(name, name, [-0.5])])
    assert read(tmp_path / "a.csv")[1] == [cell, cell, "-0.5"]


def test_small_and_large_values_keep_their_digits(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["mse", "qcv"], [Row("a", "1", [1.23456789e-5, 1100.123456])])
    assert read(tmp_path / "a.csv")[1] == ["a", "1", "1.23456789e-05", "1100.12346"]


def test_a_scene_and_a_method_with_such_names(scenes: Path) -> None:
    (scenes / "scenes/a").rename(scenes / "scenes/=a")
    (scenes / "first/a.png").rename(scenes / "first/=a.png")
    done = run(scenes, "--scenes", "scenes", "--fused", "@m=first", "--metrics", "en")
    assert done.returncode == 0, done.stderr
    assert [row[:2] for row in read(scenes / "out/scores.csv")[1:]] == [
        ["'@m", "'=a"],
        ["'@m", "b"],
        ["'@m", "c"],
    ]
