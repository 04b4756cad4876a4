"""Each Chinese page says what the English one says, as far as headings, code and numbers show."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path for place in (".", "*", "*/*") for path in ROOT.glob(f"{place}/*.zh-CN.md"))
UNTRANSLATED = {"weights", "runs", "results"}  # cards of weights, and what commands write
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
TARGET = re.compile(r"\]\([^)\s]+\)")
NUMBER = re.compile(r"(?<![A-Za-z0-9_.])(\d+(?:[.,]\d+)*)(?:\s*(million|百万|万))?")
UNITS = {"": 1, "million": 10**6, "百万": 10**6, "万": 10**4}


class Page(NamedTuple):
    """What a translation keeps.

    Attributes:
        headings: Their levels, in order.
        commands: The lines of the code blocks without comments.
        code: Pieces of code in the text.
        links: Files of the repository and addresses.
        numbers: Those of the text.
    """

    headings: list[int]
    commands: list[str]
    code: Counter[str]
    links: Counter[str]
    numbers: Counter[str]


def read(path: Path) -> Page:
    text = path.read_text("utf-8")
    blocks = "\n".join(FENCE.findall(text))
    prose = FENCE.sub("", text)
    lines = (re.sub(r"(^|\s)#.*", "", line).rstrip() for line in blocks.splitlines())
    targets = (re.sub(r"#.*", "", target[2:-1]) for target in TARGET.findall(prose))
    return Page(
        [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        [line for line in lines if line],
        Counter(CODE.findall(prose)),
        Counter(target for target in targets if target and not target.startswith("README")),
        Counter(numbers(CODE.sub("", TARGET.sub("", prose)))),
    )


def numbers(prose: str) -> list[str]:
    """Return the numbers of a text; 4 million and its Chinese form are the same."""
    found = NUMBER.findall(prose)
    return [value if not unit else str(int(float(value) * UNITS[unit])) for value, unit in found]


def test_every_readme_is_translated() -> None:
    readmes = [path for place in (".", "*", "*/*") for path in ROOT.glob(f"{place}/README.md")]
    parts = {path: path.relative_to(ROOT).parts for path in readmes}
    own = [p for p in readmes if not UNTRANSLATED & set(parts[p]) and parts[p][0][0] != "."]
    assert [path for path in own if not path.with_name("README.zh-CN.md").is_file()] == []


@pytest.mark.parametrize("chinese", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_translation_keeps_headings_code_links_and_numbers(chinese: Path) -> None:
    there, here = (read(chinese.with_name(name)) for name in ("README.md", chinese.name))
    assert here.headings == there.headings
    assert here.commands == there.commands
    for kind in ("code", "links", "numbers"):
        one, other = getattr(there, kind), getattr(here, kind)
        assert (one - other, other - one) == (Counter(), Counter()), kind


def test_numbers_are_read_in_both_languages() -> None:
    assert numbers("4 million pixels, 1.5 of them, v2, 1,600") == ["4000000", "1.5", "1,600"]
    assert numbers("400 万像素、其中1.5、v2、1,600") == ["4000000", "1.5", "1,600"]
