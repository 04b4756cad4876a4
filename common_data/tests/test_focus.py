"""Multi-focus sets: the layouts they are found in, and what is checked of them."""

from pathlib import Path

import cv2
import numpy as np
import prepare
import pytest

from public_sets.focus import focus_of


def draw(path: Path, size: tuple[int, int] = (6, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(size, 90, np.uint8))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def adopt(source: Path, output: Path, name: str = "lytro") -> int:
    return prepare.main([name, "--source", str(source), "--output", str(output)])


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("lytro-01-A.jpg", ("lytro-01", "focus_a")),
        ("sourceB/lytro-01-B.jpg", ("lytro-01", "focus_b")),
        ("MFFW2/MFFW2_01_A.jpg", ("MFFW2_01", "focus_a")),
        ("MFFW3/MFFW3_01_C.jpg", ("MFFW3_01", "focus_c")),
        ("input/books/books_B.jpg", ("books", "focus_b")),
        ("near/aymaz_01.jpg", ("aymaz_01", "near")),
        ("A/1.png", ("1", "focus_a")),
        ("clock_far.png", ("clock", "far")),
        ("lytro-01/focus_b.jpg", ("lytro-01", "focus_b")),
        ("clock/near.png", ("clock", "near")),
        ("clock/clock.png", None),
        ("pictures/lytro-01.png", None),
    ],
)
def test_names(file: str, expected: tuple[str, str] | None) -> None:
    assert focus_of(Path("somewhere", file)) == expected


def test_pairs_of_one_folder_become_scenes(tmp_path: Path) -> None:
    for scene in ("01", "02"):
        for mark in "AB":
            draw(tmp_path / f"in/lytro-{scene}-{mark}.jpg")
            draw(tmp_path / f"in/Triple Series/lytro-{scene}-{mark}.jpg", size=(4, 4))
    expected = [f"lytro-{s}/focus_{m}.jpg" for s in ("01", "02") for m in "ab"]
    assert adopt(tmp_path / "in", tmp_path / "out") == 0
    assert names(tmp_path / "out") == expected
    assert adopt(tmp_path / "out", tmp_path / "again") == 0
    assert names(tmp_path / "again") == expected


def test_stacks_of_more_are_left_out_beside_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MFFW2_01_A", "MFFW2_01_B", "MFFW3_01_A", "MFFW3_01_B", "MFFW3_01_C", "truth"):
        draw(tmp_path / f"in/{name}.jpg")
    assert adopt(tmp_path / "in", tmp_path / "out", "mffw") == 0
    assert names(tmp_path / "out") == ["MFFW2_01/focus_a.jpg", "MFFW2_01/focus_b.jpg"]
    told = capsys.readouterr().out
    assert "MFFW3_01 has 3 image(s), others 2" in told
    assert "truth.jpg shows no scene and no focus" in told


def test_stacks_of_three_alone(tmp_path: Path) -> None:
    for mark in "ABC":
        draw(tmp_path / f"Triple Series/lytro-01-{mark}.jpg")
    assert adopt(tmp_path / "Triple Series", tmp_path / "out") == 0
    assert names(tmp_path / "out") == [f"lytro-01/focus_{mark}.jpg" for mark in "abc"]


def test_what_cannot_be_laid_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in/lytro-01-A.jpg")
    assert adopt(tmp_path / "in", tmp_path / "out") == 1
    assert "no scene with two or more images" in capsys.readouterr().err
    draw(tmp_path / "in/more/lytro-01-A.jpg")
    assert adopt(tmp_path / "in", tmp_path / "out") == 1
    assert "are both focus_a of scene lytro-01" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_check_of_counts_and_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 21):
        for mark in "AB":
            draw(tmp_path / f"in/lytro-{number:02}-{mark}.jpg", size=(520, 520))
    check = ["--check", "lytro", "--root", str(tmp_path / "out")]
    assert adopt(tmp_path / "in", tmp_path / "out") == 0
    assert prepare.main(check) == 0
    for mark in "ab":
        draw(tmp_path / f"out/lytro-07/focus_{mark}.jpg", size=(500, 520))
    (tmp_path / "out/lytro-08/focus_b.jpg").unlink()
    capsys.readouterr()
    assert prepare.main(check) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "error: lytro-07: 520x500, expected 520x520",
        "error: lytro-08 has 1 image(s), at least 2 needed",
        "error: 19 scenes, 20 expected",
    ]
