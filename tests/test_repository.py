from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 4 * 2**20  # bytes, outside weights/
# Folders that exist on somebody's machine only; a path in a URL or after a variable is none.
MACHINE_PATH = re.compile(
    rb"(?<![\w}.~-])/(?:home|root|Users|work|tmp|farm)/[\w.-]|[A-Z]:\\\\?Users"
)


def tracked() -> list[Path]:
    command = ["git", "ls-files", "-z"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    files = (ROOT / name for name in answer.stdout.split("\0") if name)
    return [path for path in files if path.is_file()]


TRACKED = tracked()
in_checkout = pytest.mark.skipif(not TRACKED, reason="not in a git checkout")


def lower_bounds(file: Path) -> dict[str, Version]:
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    split = (re.split("[>=]=", line) for line in lines if line and not line.startswith("-r"))
    return {name: Version(bound) for name, bound in split}


LISTS = [file for place in (".", "*", "apps/*") for file in ROOT.glob(f"{place}/requirements*.txt")]


@pytest.mark.parametrize("file", sorted(LISTS), ids=lambda f: str(f.relative_to(ROOT)))
def test_what_suits_the_whole_suits_each_folder(file: Path) -> None:
    whole = lower_bounds(ROOT / "requirements.txt") | lower_bounds(ROOT / "requirements-dev.txt")
    wanting = {n: b for n, b in lower_bounds(file).items() if n not in whole or b > whole[n]}
    assert wanting == {}


def test_fusing_needs_no_extra() -> None:
    extras = {"av", "gradio", "onnx", "onnxruntime", "onnxscript", "ray", "universal_pathlib"}
    extras |= {"onedl-mmcv", "onedl-mmengine", "onedl-mmsegmentation"}
    for file in (ROOT / "requirements.txt", *ROOT.glob("*_20*/requirements.txt")):
        assert not extras & set(lower_bounds(file))


@in_checkout
def test_no_tracked_file_names_a_machine_path() -> None:
    found = [path for path in TRACKED if MACHINE_PATH.search(path.read_bytes())]
    assert [str(path.relative_to(ROOT)) for path in found if path.suffix != ".png"] == []


@in_checkout
def test_no_tracked_file_is_large_outside_weights() -> None:
    found = [path for path in TRACKED if path.stat().st_size > LARGEST]
    assert [path for path in found if path.parents[1].name != "weights"] == []


@in_checkout
@pytest.mark.parametrize(
    "page",
    [path for path in TRACKED if path.suffix == ".md"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_what_a_page_links_or_shows_exists(page: Path) -> None:
    found = re.findall(r"\]\(([^)#\s]+)|(?:src|href)=\"([^\"#]+)", page.read_text("utf-8"))
    targets = {first or second for first, second in found}
    missing = [name for name in targets if ":" not in name and not (page.parent / name).exists()]
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title).lower() for title in titles)
    return {title.replace(" ", "-") for title in plain}


@in_checkout
@pytest.mark.parametrize(
    "page",
    [path for path in TRACKED if path.suffix == ".md"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_what_a_page_links_within_pages_is_a_heading(page: Path) -> None:
    found = re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", page.read_text("utf-8"))
    targets = [(page.parent / name if name else page, anchor) for name, anchor in found]
    wrong = [f"{file.name}#{anchor}" for file, anchor in targets if anchor not in anchors(file)]
    assert wrong == []
