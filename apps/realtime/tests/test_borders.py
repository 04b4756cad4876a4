"""`borders.py`: numbers by hand, and copies that differ from their pairs at the border only."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from apps.realtime.borders import blacken, main
from apps.realtime.lessons import find_jobs
from apps.realtime.teacher import InputError, Teacher, modules_of
from apps.realtime.tests.conftest import write_pairs


def test_black_borders_by_hand() -> None:
    expected = [[0, 0, 0, 0], [0, 50, 50, 25], [0, 100, 100, 50], [0, 75, 75, 38]]  # 37.5
    image = np.full((4, 4), 100, np.uint8)
    np.testing.assert_array_equal(blacken(image, [1.5, 0.25, 1, 0.5]), expected)
    color = blacken(np.full((4, 4, 3), 100, np.uint16), [1.5, 0.25, 1, 0.5])
    assert color.dtype == np.uint16
    np.testing.assert_array_equal(color, np.repeat(np.array(expected)[..., None], 3, axis=2))


def test_copies_are_pairs_with_one_black_border(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "some", 3, (40, 48))
    words = ["--data", str(pairs), "--output", str(tmp_path / "copies"), "--count", "2"]
    main(words)
    teacher = Teacher("u2fusion")
    with modules_of(teacher.folder):
        jobs = find_jobs(
            teacher, [tmp_path / "copies" / "pairs.csv"], "pair", tmp_path, teacher.parse("")
        )
    assert len(jobs) == 2
    originals = {
        role: [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (pairs / role).iterdir()]
        for role in ("vis", "ir")
    }
    for job in jobs:
        changed = 0
        for role, path in zip(("vis", "ir"), job.sources, strict=True):
            copy = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            inside = (slice(3, -3), slice(3, -3))
            [original] = [o for o in originals[role] if (o[inside] == copy[inside]).all()]
            changed += bool((original != copy).any())
        assert changed == 1
    with pytest.raises(InputError, match="--overwrite"):
        main(words)
    before = (tmp_path / "copies" / "vis" / "000.png").read_bytes()
    main([*words, "--overwrite"])  # the same seed
    assert (tmp_path / "copies" / "vis" / "000.png").read_bytes() == before
