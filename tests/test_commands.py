"""Every fenced command of the pages is run as it stands in a fresh copy, or says why it is not.

A block whose info string ends in `run` is run in its page's folder. Any other block of commands
has a line `<!-- not run: REASON -->` above it, or the name of the file that it is the text of.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)(?P=marks) *$",
    re.MULTILINE | re.DOTALL,
)
COMMANDS = {"bash", "python", "shell"}
TEXTS = {"bibtex", "csv", "markdown", "mermaid", "text", "yaml"}
EXCUSE = re.compile(r" *<!-- not run: \w.* -->|`[\w./]+`")
TIME_LIMIT = 600  # seconds


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: Its page, relative to the repository.
        line: Number of its first line.
        info: The words behind its first fence.
        above: The last line above it that is not empty.
        text: What it holds, without indentation.
    """

    page: Path
    line: int
    info: list[str]
    above: str
    text: str


def blocks_of(page: Path, text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        above = text[: match.start()]
        body = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        last = (above.rstrip().splitlines() or [""])[-1]
        found.append(Block(page, above.count("\n") + 1, match["info"].split(), last, body))
    return found


def is_marked(block: Block) -> bool:
    """Return whether a block is run, has a reason, or holds no commands."""
    match block.info:
        case [language] if language in COMMANDS:
            return EXCUSE.fullmatch(block.above) is not None
        case [language, "run"]:
            return language in COMMANDS
        case [language]:
            return language in TEXTS
    return False


def tracked() -> list[Path]:
    """Return what a fresh clone would hold, relative to the repository."""
    command = ["git", "ls-files", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(name) for name in names.split("\0") if name and (ROOT / name).is_file()]


FILES = tracked()
PAGES = [  # a card's code is run by test_hub_weights.py, a translation keeps its page's commands
    path
    for path in FILES
    if path.suffix == ".md"
    and not path.name.endswith(".zh-CN.md")
    and not {"weights", "templates"} & set(path.parts)
]
BLOCKS = [block for page in PAGES for block in blocks_of(page, (ROOT / page).read_text("utf-8"))]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def run(language: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c"] if language == "python" else ["bash", "-ec"]
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    env = {**os.environ, "PATH": os.pathsep.join(folders), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*program, text],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_are_run_or_say_why_not(page: Path) -> None:
    unmarked = [block for block in BLOCKS if block.page == page and not is_marked(block)]
    assert [f"{page}:{block.line}" for block in unmarked] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.info[1:] == ["run"]],
    ids=lambda block: f"{block.page}:{block.line}",
)
def test_commands_run_in_a_fresh_clone(block: Block, clone: Path) -> None:
    done = run(block.info[0], block.text, clone / block.page.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_marks() -> None:
    page = """
```shell run
ls
```
<!-- not run: needs PHOTOS -->

```shell
ls PHOTOS
```
- a list

  ```shell
  ls
  ```
`configs.py`

```python
import os
```
```csv
a,b
```
````markdown
```shell
ls
```
````
```
what is it?
```
"""
    found = blocks_of(Path("page.md"), page)
    assert [is_marked(block) for block in found] == [True, True, False, True, True, True, False]
    assert [block.line for block in found] == [2, 7, 12, 17, 20, 23, 28]
    assert found[2].text == "ls\n"


@pytest.mark.parametrize(("language", "text"), [("shell", "false\ntrue"), ("python", "1 / 0")])
def test_a_failing_line_is_noticed(language: str, text: str, tmp_path: Path) -> None:
    assert run(language, text, tmp_path).returncode != 0
