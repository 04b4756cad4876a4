from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tools import contact_sheet
from tools.contact_sheet import CAPTION, CELL, GAP

RED, GREEN, BLUE, WHITE = (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)


def put(path: Path, color: tuple[int, int, int], height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), color, np.uint8))


def test_sources_and_results_stand_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = tmp_path / "demo"
    monkeypatch.setattr(contact_sheet, "DEMO", demo)
    for stem in ("a", "b"):
        put(demo / "ir_vis" / "ir" / f"{stem}.png", RED, 60, 80)
        put(demo / "ir_vis" / "vis" / f"{stem}.png", GREEN, 600, 400)  # upright and larger
    for name, value in (("ev+2", 200), ("ev-2", 20), ("ev0", 90)):
        put(demo / "exposures" / "scene" / f"{name}.png", (value,) * 3, 60, 80)
    put(tmp_path / "results" / "One_2001" / "a.png", BLUE, 60, 80)
    for name in ("b", "scene"):
        put(tmp_path / "results" / "Two_2002" / f"{name}.png", BLUE, 60, 80)
    sheet_file = tmp_path / "sheet.png"
    assert contact_sheet.main([str(tmp_path / "results"), "--output", str(sheet_file)]) == 0
    sheet = cv2.imread(str(sheet_file))
    assert sheet is not None

    def middle(row: int, column: int) -> tuple[int, ...]:
        y = GAP + row * (CELL[0] + CAPTION + GAP) + CAPTION + CELL[0] // 2
        x = GAP + column * (CELL[1] + GAP) + CELL[1] // 2
        return tuple(int(value) for value in sheet[y, x])

    assert [middle(0, column) for column in range(4)] == [RED, GREEN, BLUE, WHITE]
    assert [middle(1, column) for column in range(4)] == [RED, GREEN, WHITE, BLUE]
    assert [middle(2, column) for column in range(3)] == [(20,) * 3, (200,) * 3, BLUE]

    few = tmp_path / "few.png"
    call = [str(tmp_path / "results"), "--output", str(few), "--scenes"]
    assert contact_sheet.main([*call, "scene", "a"]) == 0
    height = CELL[0] + CAPTION + GAP
    picture = cv2.imread(str(few))
    np.testing.assert_array_equal(picture[:height], sheet[:height])
    assert picture.shape[0] == 2 * height + GAP
    with pytest.raises(SystemExit, match=r"no scene c in .* \(--scenes\)"):
        contact_sheet.main([*call, "c"])
