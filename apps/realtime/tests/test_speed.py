"""`speed.py`: which rows there are, and that they can be measured."""

from argparse import Namespace
from pathlib import Path

import pytest

from apps.realtime.speed import cases, main, measure
from apps.realtime.tests.conftest import MakeStudent


def test_rows(tmp_path: Path) -> None:
    args = Namespace(
        sizes=["64x48", "128x96"],
        threads=[1, 2],
        int8=tmp_path,
        teacher="bffr",
        seconds=1.0,
        no_teacher=False,
    )
    rows = list(cases(args, tmp_path, bfloat16=True))
    assert len(rows) == 2 * 2 * 4
    assert [row.size for row in rows[::8]] == [(64, 48), (128, 96)]
    assert [(row.what, row.precision) for row in rows[:4]] == [
        ("teacher", "float32"), ("student", "float32"), ("student", "bfloat16"), ("int8", "")
    ]  # fmt: skip
    args.int8 = None
    assert len(list(cases(args, tmp_path, bfloat16=False))) == 2 * 2 * 2
    args.no_teacher = True
    assert {row.what for row in cases(args, tmp_path, bfloat16=False)} == {"student"}


def test_a_row_is_measured(student: MakeStudent) -> None:
    args = Namespace(sizes=["64x48"], threads=[1], int8=None, teacher="densefuse", seconds=0.01)
    args.no_teacher = False
    for case in cases(args, student(), bfloat16=False):
        median, least, peak = measure(case)
        assert 0 < least <= median
        assert peak > 50  # PyTorch alone takes more


@pytest.mark.slow
def test_the_table(student: MakeStudent, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--weights", student(), "--sizes", "64x48", "--threads", 1, "--seconds", 0.01]
    main([str(word) for word in words])
    rows = [line.split("|")[1:4] for line in capsys.readouterr().out.splitlines()[2:]]
    found = [[cell.strip() for cell in row] for row in rows]
    assert found[:2] == [["teacher, float32", "64x48", "1"], ["student, float32", "64x48", "1"]]
