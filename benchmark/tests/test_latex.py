import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.efficiency import Efficiency
from benchmark.entries import GIVEN
from benchmark.external import WHOLE
from benchmark.fusing import RunRecord
from benchmark.published import NOT_GIVEN
from benchmark.report import Report, write_latex
from benchmark.report.latex import escape, number, split, stacked
from benchmark.report.summary import Cell
from benchmark.score_table import Row
from benchmark.tests.pages import ALL_METRICS, HARD, made_up, with_many_images

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None,
    reason="pdflatex is not installed (Debian: texlive-latex-recommended)",
)


def written(report: Report, folder: Path) -> list[str]:
    write_latex(report, folder / "report.tex")
    return (folder / "report.tex").read_text("utf-8").splitlines()


def test_the_tables(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    lines = written(report, tmp_path)
    for line in (
        r"Method & EN $\uparrow$ & CE $\downarrow$ & SSIM $\uparrow$ \\",
        r"DenseFuse & \underline{6.000} & \underline{2.000} & \textbf{0.5000} \\",
        r"BFFR & \textbf{7.000} & \textbf{1.000} & -- \\",
        r"Average & 5.000 & 3.000 & \underline{0.2500} \\",
        r"DenseFuse & 0.722 & 1048 & cpu \\",
        r"BFFR & 3.500 & 947 & cpu; earlier run \\",
        r"Average & -- & -- & cpu \\",
        r"\label{tab:set-set-scores}",
        r"\label{tab:set-set-cost}",
    ):
        assert line in lines
    lines = written(replace(report, deviations=True), tmp_path)
    best = r"\textbf{7.000} $\pm$ 0.000 & \textbf{1.000} $\pm$ 0.707 & -- \\"
    assert f"BFFR & {best}" in lines


def test_quoted_rows_stand_below(tmp_path: Path) -> None:
    cells = [Cell(6.5, "6.50", "", 0), NOT_GIVEN, Cell(-0.5, "-0.5", "0.1", 0)]
    report = replace(made_up(tmp_path), quoted={"A_1 (quoted)": cells}, deviations=True)
    lines = written(report, tmp_path)
    row = lines.index(r"A\_1 (quoted) & 6.50 & -- & $-$0.5 $\pm$ 0.1 \\")
    assert lines[row - 1] == r"\midrule"
    assert lines[row + 1] == r"\bottomrule"


def test_notes_on_time_stand_in_the_caption(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    runs = {"DenseFuse": RunRecord(1.0, 2.0, "cuda", reused=True, note="with a_b")}
    report = replace(report, records=report.records | runs | {"BFFR": GIVEN})
    lines = written(report, tmp_path)
    assert r"DenseFuse & 1.000 & 2 & cuda; earlier run \\" in lines
    assert r"DenseFuse: with a\_b." in lines
    assert f"BFFR: {GIVEN.note}." in lines


def test_one_image_has_no_deviations(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    one = replace(report.images, scenes={"first": report.images.scenes["first"]})
    rows = [row for row in report.rows if row.image == "first"]
    lines = written(replace(report, images=one, rows=rows, deviations=True), tmp_path)
    assert not any(r"\pm" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 5% of $1 {x}", r"a\_b \& 5\% of \$1 \{x\}"),
        ("\\input~^#", r"\textbackslash{}input\textasciitilde{}\textasciicircum{}\#"),
        ("[1]*", "{[}1]{*}"),
        ("a--b", "a-{-}b"),
        ("a < b | c > d", r"a \textless{} b \textbar{} c \textgreater{} d"),
        ("two\n\nlines", "two lines"),
        ("MS-SSIM 图", "MS-SSIM 图"),
    ],
)
def test_escaping(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_numbers() -> None:
    texts = ("-0.5", "nan", "inf", "-inf", "-", "7.000")
    assert list(map(number, texts)) == [
        "$-$0.5", "--", r"$\infty$", r"$-$$\infty$", "--", "7.000",
    ]  # fmt: skip


def test_heads_are_stacked() -> None:
    head = r"\shortstack[r]{Peak memory \\ at 640x480, \\ MiB $\downarrow$}"
    assert stacked("Peak memory at 640x480, MiB") == head


@pytest.mark.parametrize(
    ("count", "widest", "lengths"),
    [(25, 10, [9, 8, 8]), (13, 10, [7, 6]), (10, 10, [10]), (11, 5, [4, 4, 3]), (1, 5, [1])],
)
def test_wide_tables_are_cut(count: int, widest: int, lengths: list[int]) -> None:
    blocks = split(range(count), widest)
    assert [len(block) for block in blocks] == lengths
    assert [column for block in blocks for column in block] == list(range(count))


def test_no_text_leaves_its_comment(tmp_path: Path) -> None:
    report = replace(made_up(tmp_path), failures={"Other": "first\n\\second\rthird\x0bfourth"})
    lines = written(report, tmp_path)
    assert [line for line in lines if "fourth" in line] == [
        r"% Failed: Other: first \second third fourth"
    ]


@needs_latex
@pytest.mark.parametrize("deviations", [False, True])
def test_the_command_in_the_file_makes_a_page(tmp_path: Path, deviations: bool) -> None:
    """All metrics, values of many digits and names with every special character."""
    report = with_many_images(tmp_path)
    rng = np.random.default_rng(0)
    methods = ["DenseFuse", "BFFR", HARD[:14], HARD[14:]]
    scale = np.where(np.arange(len(ALL_METRICS)) % 6 == 0, -5000, 1)
    rows = [
        Row(method, scene, list(rng.uniform(0.1, 0.9, len(ALL_METRICS)) * scale))
        for method in methods
        for scene in report.images.scenes
    ]
    needs = Efficiency(123_456_789, 1_234_567_890_123, 123.456, 12345.6)
    runs = {method: RunRecord(1.5, 1000.0, "cpu", True, WHOLE, needs) for method in methods}
    images = replace(report.images, name=HARD)
    lines = written(
        replace(
            report,
            images=images,
            rows=rows,
            records=runs,
            metrics=ALL_METRICS,
            deviations=deviations,
        ),
        tmp_path,
    )
    [command] = [line.removeprefix("%") for line in lines if re.match("% +pdflatex ", line)]
    program, *arguments = shlex.split(command)
    done = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", *arguments],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
    assert not re.findall(r"Overfull .*|.*multiply defined.*|Missing character.*", done.stdout)
