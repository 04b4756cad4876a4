"""Write the tables for a paper in LaTeX."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmark.metrics import COLUMNS
from benchmark.report.pages import TEMPLATES, Report, context, write_text
from benchmark.report.summary import Cell

WIDEST, WIDEST_WITH_DEVIATIONS = 10, 5  # columns of a block, so that it fits two columns of text
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{mark: rf"\{mark}" for mark in "&%$#_{}"},
    **{mark: f"{{{mark}}}" for mark in "[*"},  # which `\\` before them would take as its own
}


def write_latex(report: Report, path: Path) -> None:
    """Write the tables of scores and of time and memory."""
    widest = WIDEST_WITH_DEVIATIONS if report.deviations else WIDEST
    values = context(report) | {
        "print_cell": print_cell,
        "blocks": split(range(len(report.metrics)), widest),
        "label": re.sub(r"[^a-z0-9]+", "-", report.images.name.lower()).strip("-") or "set",
        "file": path.name,
        "with_deviations": report.deviations and len(report.images.scenes) > 1,
    }
    write_text(path, _environment().get_template("report.tex").render(values))


def split(columns: Sequence[int], widest: int) -> list[Sequence[int]]:
    """Cut columns into as few blocks as possible, which differ in length by at most one."""
    count = math.ceil(len(columns) / widest)
    short, longer = divmod(len(columns), count)
    starts = [block * short + min(block, longer) for block in range(count + 1)]
    return [columns[start:end] for start, end in pairwise(starts)]


def escape(text: str) -> str:
    """Escape the characters that have a meaning in LaTeX, and make the text one line."""
    escaped = "".join(SPECIAL.get(mark, mark) for mark in " ".join(text.split()))
    return escaped.replace("--", "-{-}")  # two hyphens, not a dash


def stacked(head: str) -> str:
    """Return the head of a column where less is better, in lines that break before `at`, after `,`.

    The column is as narrow as the longest line.
    """
    lines = map(escape, re.split(r" (?=at )|(?<=,) ", head))
    return r"\shortstack[r]{" + r" \\ ".join(lines) + r" $\downarrow$}"


def comment(text: str) -> str:
    """Return a text that is safe behind a percent sign: one line."""
    return " ".join(text.split())


def number(text: str) -> str:
    """Return a printed number with LaTeX's minus and infinity, and a dash for nan or none."""
    if text in ("nan", "-"):
        return "--"
    return text.replace("-", "$-$").replace("inf", r"$\infty$")


def print_cell(cell: Cell, with_deviation: bool) -> str:
    """Return a mean with its marks; the star takes no width, so that the digits stay aligned."""
    text = ["%s", r"\textbf{%s}", r"\underline{%s}"][cell.place] % number(cell.text)
    if with_deviation and cell.deviation and math.isfinite(cell.mean):
        text += rf" $\pm$ {number(cell.deviation)}"
    return text + (r"\rlap{\textsuperscript{*}}" if cell.significant else "")


def arrow(metric: str) -> str:
    """Return an arrow up if higher is better, else down."""
    return r"$\uparrow$" if COLUMNS[metric].higher_is_better else r"$\downarrow$"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        autoescape=False,  # of HTML; every text passes through `tex` or `comment`
    )
    environment.filters |= {
        "arrow": arrow,
        "comment": comment,
        "number": number,
        "stacked": stacked,
        "tex": escape,
    }
    return environment
