"""The benchmark imports nothing outside itself but the packages that it requires."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
MODULES = {  # else as the package
    "opencv-python": "cv2",
    "pytorch-msssim": "pytorch_msssim",
    "scikit-image": "skimage",
    "Jinja2": "jinja2",
    "PyWavelets": "pywt",
}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


def test_imports_are_its_own_or_required() -> None:
    lines = (HERE / "requirements.txt").read_text("utf-8").splitlines()
    packages = {re.split(r"[<>=!~\s]", line)[0] for line in lines if line and line[0] != "#"}
    required = {MODULES.get(name, name) for name in packages}
    own = {path.stem for path in (*HERE.glob("*.py"), HERE / "metrics", HERE / "report")}
    own |= {path.stem for path in HERE.glob("tests/*.py")}
    files = [file for file in HERE.rglob("*.py") if "results" not in file.parts]
    foreign = {
        file.name: imported(file) - required - own - sys.stdlib_module_names for file in files
    }
    assert len(files) > 40
    assert {name: names for name, names in foreign.items() if names} == {}
