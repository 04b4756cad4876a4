"""A folder imports nothing outside itself but the packages that it requires.

That a method's tests pass where it stands alone is seen by run_all.sh, which runs them in a copy.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
METHODS = sorted(path for path in ROOT.glob("*_20[0-9][0-9]") if path.is_dir())
FOLDERS = [*METHODS, ROOT / "benchmark", ROOT / "common_data"]
MODULES = {  # else as the package
    "opencv-python": "cv2",
    "pillow": "PIL",
    "pytorch-msssim": "pytorch_msssim",
    "scikit-image": "skimage",
    "Jinja2": "jinja2",
    "PyWavelets": "pywt",
}
EXTRAS = {  # imported where they are used, with an error without them
    *("av", "onnx", "onnxruntime"),
    *("mmcv", "mmengine", "mmseg"),
}


def imported(file: Path) -> set[str]:
    """Return the top-level modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_imports_are_its_own_or_required(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text("utf-8").splitlines()
    packages = {re.split(r"[<>=!~\s]", line)[0] for line in lines if line and line[0] != "#"}
    allowed = {MODULES.get(name, name) for name in packages} | EXTRAS | set(sys.stdlib_module_names)
    files = [f for f in folder.rglob("*.py") if not {"runs", "work_dirs"} & set(f.parts)]
    foreign = {}
    for file in files:
        # its own: the folder as a package, a neighbor, or what lies at the top of the folder
        own = {path.stem for place in (folder, file.parent) for path in place.iterdir()}
        own.add(folder.name)
        if ROOT / file.stem in METHODS:  # runs in the method's folder that it is named after
            own |= {path.stem for path in (ROOT / file.stem).glob("*")}
        if names := imported(file) - allowed - own:
            foreign[str(file.relative_to(folder))] = names
    assert files
    assert foreign == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_no_import_path_is_edited(folder: Path) -> None:
    files = [
        file for file in folder.rglob("*.py") if re.search(r"sys\.path\b", file.read_text("utf-8"))
    ]
    assert files == []
