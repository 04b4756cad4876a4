"""The students that come with the repository: named in a table, and near their teachers."""

import hashlib
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors import safe_open

import hubconf
from apps.realtime.nearness import compare
from apps.realtime.tests.conftest import ROOT

WEIGHTS = ROOT / "apps" / "realtime" / "weights"
FILES = sorted(WEIGHTS.glob("*/model.safetensors"))
DEMO = ROOT / "common_data" / "demo"
PAIRS = {
    "pair": [
        (DEMO / "ir_vis" / "vis" / "smoky_yard.png", DEMO / "ir_vis" / "ir" / "smoky_yard.png")
    ],
    "exposures": [
        (scene / "under.png", scene / "over.png")
        for scene in sorted((DEMO / "exposures").iterdir())
        if (scene / "under.png").is_file()
    ],
}


def test_the_table_has_a_row_for_each_folder() -> None:
    table = (WEIGHTS / "README.md").read_text("utf-8")
    assert re.findall(r"^\| \[(\w+)\]", table, re.M) == [file.parent.name for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_table_names_the_file_and_its_hash(file: Path) -> None:
    lines = (WEIGHTS / "README.md").read_text("utf-8").splitlines()
    [row] = [line for line in lines if line.startswith(f"| [{file.parent.name}]")]
    assert hashlib.sha256(file.read_bytes()).hexdigest() in row


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_student_is_near_its_teacher(file: Path) -> None:
    with safe_open(file, "numpy") as opened:
        about = opened.metadata()
    name = about["teacher"]
    assert file.parent.name in (name, f"{name}_small")
    settings = {"levels": 3} if about["teacher_flags"] == "--levels 3" else {}
    teacher = getattr(hubconf, name)(device="cpu", **settings)
    student = hubconf.realtime(name, file, device="cpu")
    for paths in PAIRS[about["kind"]]:
        sources = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
        wanted, found = (fusion.fuse(sources).astype(np.float32) for fusion in (teacher, student))
        average = np.rint(np.mean(sources, axis=0, dtype=np.float32))
        near, far = compare(found, wanted).psnr, compare(average, wanted).psnr
        assert near > far + 6, paths[0].stem
