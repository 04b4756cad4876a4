import csv
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.published import NOT_GIVEN
from benchmark.report import write_means
from benchmark.report.summary import Cell
from benchmark.tests.pages import made_up


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_row_a_method(tmp_path: Path) -> None:
    write_means(made_up(tmp_path), tmp_path / "report.csv")
    dense, bffr, average, failed = read(tmp_path / "report.csv")
    assert dense == {
        "method": "DenseFuse",
        "images": "2",
        "en": "6",
        "ce": "2",
        "ssim": "0.5",
        "seconds": "0.7216",
        "peak_mib": "1048.4",
    }
    assert [bffr[name] for name in ("method", "en", "ssim")] == ["BFFR", "7", "nan"]
    assert [average[name] for name in ("en", "seconds", "peak_mib")] == ["5", "", ""]
    assert list(failed.values()) == ["NestFuse", "0", "", "", "", "", ""]


def test_deviations(tmp_path: Path) -> None:
    report = replace(made_up(tmp_path), deviations=True)
    write_means(report, tmp_path / "report.csv")
    rows = read(tmp_path / "report.csv")
    assert list(rows[0])[2:6] == ["en", "en_sd", "ce", "ce_sd"]
    assert float(rows[0]["ce_sd"]) == pytest.approx(2**0.5)  # of 1 and 3
    assert rows[1]["ssim_sd"] == "nan"
    one = [row for row in report.rows if row.image == "first"]
    write_means(replace(report, rows=one), tmp_path / "report.csv")
    assert [read(tmp_path / "report.csv")[0][name] for name in ("en", "en_sd")] == ["5", ""]


def test_quoted_rows(tmp_path: Path) -> None:
    cells = [Cell(6.5, "6.50", "", 0), NOT_GIVEN, Cell(-0.5, "-0.5", "0.1", 0)]
    report = replace(made_up(tmp_path), quoted={"A (quoted)": cells})
    for deviations, expected in (
        (False, ["A (quoted)", "", "6.50", "", "-0.5", "", ""]),
        (True, ["A (quoted)", "", "6.50", "", "", "", "-0.5", "0.1", "", ""]),
    ):
        write_means(replace(report, deviations=deviations), tmp_path / "report.csv")
        assert list(read(tmp_path / "report.csv")[3].values()) == expected


def test_no_method_is_run_as_a_formula(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    rows = [row._replace(method="=A1") for row in report.rows if row.method == "BFFR"]
    report = replace(report, rows=rows, records={"=A1": report.records["BFFR"]})
    write_means(report, tmp_path / "report.csv")
    assert read(tmp_path / "report.csv")[0]["method"] == "'=A1"
