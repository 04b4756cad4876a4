"""`nearness.py`: numbers by hand, and a student that is the average."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.realtime import run_export
from apps.realtime.nearness import RINGS, compare, main
from apps.realtime.teacher import InputError
from apps.realtime.tests.conftest import MakeStudent, needs_onnx, write_pairs


def test_nearness_by_hand() -> None:
    wanted = np.full((20, 24), 100, np.float32)
    found = wanted.copy()
    found[0] += 8  # 24 of the 84 pixels of the outermost ring
    found[2, 2:-2] += 3  # 20 of the 68 of the third
    near = compare(found, wanted)
    assert near.psnr == pytest.approx(10 * np.log10(255**2 * 480 / (24 * 64 + 20 * 9)))
    assert near.rings == pytest.approx([8 * 24 / 84, 0, 3 * 20 / 68, 0, 0])
    assert compare(wanted, wanted).psnr == np.inf
    assert compare(wanted, wanted).ssim == pytest.approx(1)


def test_a_student_that_is_the_average_scores_as_the_average(
    student: MakeStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = student(average=True, teacher="densefuse", teacher_flags="--strategy l1")
    pairs = write_pairs(tmp_path / "some", 2, (40, 48))
    flags = ["--teacher", "densefuse", "--weights", weights, "--data", pairs, "--runs", tmp_path]
    picture = tmp_path / "picture.png"
    words = [*map(os.fspath, flags), "--device", "cpu", "--worst", "1", "--picture", str(picture)]
    main(words)
    assert cv2.imread(str(picture), cv2.IMREAD_UNCHANGED).shape == (40, 3 * 48)
    with pytest.raises(InputError, match="--overwrite"):
        main(words)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| some")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[:3] for row in cells] == [["some", "2", "student"], ["some", "2", "average"]]
    assert len(cells[0]) == 8 + RINGS
    found, expected = (np.array(row[3:], float) for row in cells)
    np.testing.assert_allclose(found, expected, atol=0.02)  # a half is rounded up or down


@needs_onnx
def test_an_exported_student_is_as_near(
    student: MakeStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, path = student(teacher="densefuse", teacher_flags=""), tmp_path / "exported.onnx"
    pairs = write_pairs(tmp_path / "some", 1, (40, 48))
    flags = ["--teacher", "densefuse", "--weights", os.fspath(weights)]
    run_export.main([*flags, "--output", os.fspath(path)])
    places = ["--data", pairs, "--runs", tmp_path, "--onnx", path]
    main([*flags, *map(os.fspath, places), "--device", "cpu"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| some")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[2] for row in cells] == ["student", "exported.onnx", "average"]
    found, expected = (np.array(row[3:], float) for row in cells[:2])
    np.testing.assert_allclose(found, expected, atol=0.02)
