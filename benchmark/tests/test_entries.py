import shutil
from pathlib import Path

import pytest

from benchmark.methods import BASELINES, Method
from benchmark.tests.cli import read
from benchmark.tests.runs import call, written
from benchmark.tests.stand_ins import add_pairs

AVERAGE = {"Average": BASELINES["Average"]}
TABLE = """method,source,EN,SSIM,ssim_sd,qabf
IFCNN,"Zhang 2020, Table 3",6.90,0.721,0.05,0.5
Average,,7.1,,,
"""


def published(folder: Path, text: str) -> str:
    file = folder / "paper.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def cells(out: Path, metric: str) -> dict[str, str]:
    """Return the cells of a metric in report.md, by the name of the method."""
    lines = (out / "report.md").read_text("utf-8").splitlines()
    head = next(line for line in lines if line.startswith("| | Average"))
    [row] = [line for line in lines if line.startswith(f"| {metric} ")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)]
    return dict(zip(*split, strict=True))


def test_results_that_exist(tmp_path: Path, pairs: Path, out: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for scene, name in (("a", "fused_a"), ("b", "VIS_b"), ("c", "c")):
        shutil.copyfile(pairs / f"vis/{scene}.png", folder / f"{name}.png")
    shutil.copyfile(pairs / "vis/a.png", folder / "other.png")
    before = sorted(folder.iterdir())
    flags = ["--results", f"Theirs={folder}", "--results", f"Infrared={pairs / 'ir'}"]
    assert call(pairs, out, AVERAGE, *flags, "--metrics", "en", "sd") == 0
    names = ["Average", "Theirs", "Infrared"]
    rows = read(out / "scores.csv")[1:]
    assert [row[:2] for row in rows] == [[name, scene] for name in names for scene in "abc"]
    assert sorted(folder.iterdir()) == before
    assert not (out / "fused/Theirs").exists()
    markdown = (out / "report.md").read_text("utf-8")
    assert "| Theirs | - | - | - | results that existed, not run |" in markdown


def test_results_alone_are_scored(pairs: Path, out: Path) -> None:
    assert call(pairs, out, AVERAGE, "--methods", "--results", f"Vis={pairs / 'vis'}") == 0
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Vis"}


def test_a_broken_result_costs_nobody_else(tmp_path: Path, pairs: Path, out: Path) -> None:
    shutil.copytree(pairs / "vis", tmp_path / "theirs")
    (tmp_path / "theirs/b.png").write_bytes(b"")
    assert call(pairs, out, AVERAGE, "--results", f"Theirs={tmp_path / 'theirs'}") == 1
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Average"}
    assert "Theirs: b: b.png cannot be decoded" in (out / "report.md").read_text("utf-8")


def test_published_rows_are_marked_and_not_ranked(tmp_path: Path, pairs: Path, out: Path) -> None:
    flags = ["--results", f"Vis={pairs / 'vis'}", "--published", published(tmp_path, TABLE)]
    assert call(pairs, out, AVERAGE, *flags, "--metrics", "en", "ssim", "scd") == 0
    assert cells(out, "EN")["IFCNN (quoted)"] == "6.90"
    assert cells(out, "EN")["Average (quoted)"] == "7.1"
    assert cells(out, "SSIM")["IFCNN (quoted)"] == "0.721 ± 0.05"
    assert cells(out, "SSIM")["Average (quoted)"] == "-"
    assert cells(out, "SCD")["IFCNN (quoted)"] == "-"
    assert [text.count("**") for text in cells(out, "EN").values()].count(2) == 1
    for report in ("report.md", "report.html"):
        text = (out / report).read_text("utf-8")
        assert "IFCNN (quoted)" in text
        assert "IFCNN: Zhang 2020, Table 3; Average: paper.csv" in text
    assert {row[0] for row in read(out / "scores.csv")[1:]} == {"Average", "Vis"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,EN,LPIPS\nA,1,2\n", "unknown column 'LPIPS'; known are method, source, en, sd,"),
        ("EN\n1\n", "has the columns en; expected method and others"),
        ("", "has the columns nothing; expected method"),
        ("method,EN,en\nA,1,2\n", "has the columns method, en, en; expected"),
        ("method,EN\nA\n", "line 2 (--published) has 1 cells; the head has 2"),
        ("method,EN\nA,high\n", "line 2 (--published) has 'high' for en; expected a number"),
        ("method,EN\nA,nan\n", "has 'nan' for en; expected a number"),
        ("method,EN\n,1\n", "line 2 (--published) names no method"),
        ("method,EN\nA,1\nA,2\n", "line 3 (--published) has A again"),
        ("method,QABF\nA,1\n", "has no number for the metrics of this report: en"),
        ('method,EN\n"A,1\n', "is not a CSV file"),
    ],
)
def test_published_tables_that_are_wrong(
    tmp_path: Path,
    pairs: Path,
    out: Path,
    text: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = published(tmp_path, text)
    assert call(pairs, out, AVERAGE, "--published", file, "--metrics", "en") == 1
    told = capsys.readouterr().err
    assert f"error: {file}" in told
    assert message in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--external", "average=x {ir} {output}"],
            "average (--external) has the name of Average,",
        ),
        (["--results", "Average=."], "Average (--results) has the name of Average,"),
        (
            ["--external", "A=x {ir} {output}", "--results", "a=."],
            "has the name of A (--external);",
        ),
        (["--results", "A=missing"], "missing (--results A) does not exist"),
        (["--results", "A=set/vis"], "has no result for d (1 of 4 missing)"),
        (["--methods"], "every method failed, or none was given"),
    ],
)
def test_wrong_entries(
    tmp_path: Path,
    pairs: Path,
    out: Path,
    flags: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "d (1" in message:
        add_pairs(tmp_path / "more", "abcd")
        pairs = tmp_path / "more"
    methods: dict[str, Method] = dict(AVERAGE)
    assert call(pairs, out, methods, *flags) == 1
    assert message in capsys.readouterr().err
    assert written(out) == set()
