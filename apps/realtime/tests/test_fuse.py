"""`fuse.py` on files: equal to the hub's entry, and what a student refuses."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import hubconf
from apps.realtime.fuse import main
from apps.realtime.teacher import InputError
from apps.realtime.tests.conftest import MakeStudent, write_pairs
from apps.realtime.threads import set_threads


def test_it_writes_what_the_hubs_entry_gives(student: MakeStudent, tmp_path: Path) -> None:
    weights, pairs = student(), write_pairs(tmp_path / "set", 2, (40, 56))
    flags = ["--vis", pairs / "vis", "--ir", pairs / "ir", "--output", tmp_path / "out"]
    words = ["--weights", weights, *flags, "--device", "cpu", "--threads", "1"]
    assert main([str(word) for word in words]) == 0
    fusion = hubconf.realtime("u2fusion", weights, device="cpu")
    for name in ("scene0.png", "scene1.png"):
        visible = cv2.imread(str(pairs / "vis" / name))[..., ::-1]
        infrared = cv2.imread(str(pairs / "ir" / name), cv2.IMREAD_GRAYSCALE)
        expected = fusion.fuse([np.ascontiguousarray(visible), infrared])
        found = cv2.imread(str(tmp_path / "out" / name))[..., ::-1]
        np.testing.assert_array_equal(found, expected)


def flags_of(weights: Path, pairs: Path, *words: object) -> list[str]:
    flags = ["--weights", weights, "--vis", pairs / "vis", "--ir", pairs / "ir"]
    return [str(word) for word in (*flags, "--output", pairs / "out", *words)]


def test_another_teachers_student_is_refused(student: MakeStudent, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "set", 1, (40, 56))
    with pytest.raises(InputError, match="a student of nobody, not of u2fusion"):
        main(flags_of(student(teacher="nobody"), pairs))
    with pytest.raises(InputError, match="the kind exposures, not pair"):
        main(flags_of(student(kind="exposures"), pairs))


def test_settings_that_were_not_learned_are_refused(student: MakeStudent, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "set", 1, (40, 56))
    weights = student(teacher="densefuse", teacher_strategy="l1", teacher_rgb_mode="luma")
    words = flags_of(weights, pairs, "--teacher", "densefuse", "--threads", "1")
    assert main([*words, "--strategy", "l1"]) == 0
    assert main([*words, "--overwrite"]) == 0  # the teacher's default means nothing here
    with pytest.raises(InputError, match="has learned --strategy l1, not max"):
        main([*words, "--overwrite", "--strategy", "max"])


def test_a_student_that_is_not_there_is_named(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "set", 1, (40, 56))
    with pytest.raises(InputError, match=r"no student at .*absent"):
        main(flags_of(tmp_path / "absent", pairs))


def test_the_number_of_threads_is_tried_or_given(
    student: MakeStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    fusion = hubconf.realtime("u2fusion", student(), device="cpu")
    chosen: list[int] = []
    monkeypatch.setattr("torch.set_num_threads", chosen.append)
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert set_threads(fusion, 2) == "2 (--threads)"
    assert set_threads(fusion, 0) == "4 (OMP_NUM_THREADS)"
    assert chosen == [2]
    monkeypatch.delenv("OMP_NUM_THREADS")
    seconds = {1: 0.03, 2: 0.01, 4: 0.02}
    monkeypatch.setattr("apps.realtime.threads._time", lambda fusion, count: seconds[count])
    assert set_threads(fusion, 0).startswith("2 (30 ms with 1, 10 ms with 2, 20 ms with 4")
    assert chosen == [2, 2]


def test_where_a_registered_infrared_image_ends_the_visible_one_is_kept(
    student: MakeStudent, tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "set", 1, (40, 56))
    table = tmp_path / "rig.csv"
    cells = ",".join(f"h{row}{column}" for row in (1, 2, 3) for column in (1, 2, 3))
    rows = f"name,status,confidence,{cells}\n*,registered,1,1,0,20,0,1,0,0,0,1\n"
    table.write_text(rows)  # 20 pixels to the right
    words = flags_of(student(average=True), pairs, "--threads", 1, "--register_from", table)
    assert main(words) == 0
    fused, visible = (
        cv2.imread(str(folder / "scene0.png")) for folder in (pairs / "out", pairs / "vis")
    )
    np.testing.assert_array_equal(fused[:, :18], visible[:, :18])
    assert np.abs(fused[:, 30:].astype(int) - visible[:, 30:]).mean() > 5
