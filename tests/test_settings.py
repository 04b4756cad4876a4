"""`tools/settings.py` runs a command with each setting and draws what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools import settings
from tools.contact_sheet import CAPTION, CELL, GAP

COMMAND = """
import sys, cv2, numpy as np
from pathlib import Path
output = Path(sys.argv[sys.argv.index("--output") + 1])
if "--fail" in sys.argv:
    sys.exit("error: --fail was given")
level = 200 if "--bright" in sys.argv else 50
cv2.imwrite(str(output), np.full((60, 80), level, np.uint8))
if "--segment" in sys.argv:
    (output.parent / "segmentation").mkdir()
    cv2.imwrite(str(output.parent / "segmentation" / "result_overlay.png"),
                np.full((60, 80), 120, np.uint8))
"""


def sheet_file(folder: Path, choices: list[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "ROOT", folder)
    (folder / "fuse.py").write_text(COMMAND, encoding="utf-8")
    for name, level in (("a", 10), ("b", 240)):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((60, 80), level, np.uint8))
    file = folder / "settings.json"
    rows = [{"command": "fuse.py --vis a.png --ir b.png", "settings": choices}]
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


def test_sources_and_a_result_for_each_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sheet_file(tmp_path, ["", "--bright", "--segment"], monkeypatch)
    assert settings.main([str(file)]) == 0
    sheet = cv2.imread(str(file.with_suffix(".webp")), cv2.IMREAD_GRAYSCALE)
    found = []
    for number in range(5):
        row, column = divmod(number, settings.COLUMNS)
        y = GAP + row * (CELL[0] + CAPTION + GAP) + CAPTION + CELL[0] // 2
        found.append(float(sheet[y, GAP + column * (CELL[1] + GAP) + CELL[1] // 2]))
    assert found == pytest.approx([10, 240, 50, 200, 120], abs=2)


def test_a_command_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = sheet_file(tmp_path, ["--fail"], monkeypatch)
    with pytest.raises(SystemExit, match=r"^error: fuse.py .* --fail: error: --fail was given"):
        settings.main([str(file)])
    assert not file.with_suffix(".webp").exists()
