import base64
import json
import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark.report import plots, write_html, write_markdown
from benchmark.report.pages import data_address, markdown_cell
from benchmark.report.summary import decimals_for, deviation, rank, summarize
from benchmark.tests.pages import ODD, SCORES, made_up

NAN = float("nan")
LOADING = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}


class Page(HTMLParser):
    """What a test asks of a page: elements with attributes, and the text of each element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    write_html(made_up(folder), folder / "report.html")
    return (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("means", "higher", "places"),
    [
        ([6.0, 7.0, 5.0], True, [2, 1, 0]),
        ([6.0, 7.0, 5.0], False, [2, 0, 1]),
        ([6.0, 6.0, 5.0, 4.0], True, [1, 1, 2, 0]),
        ([math.inf, 6.0, NAN], True, [1, 2, 0]),
        ([6.0, 7.0], True, [0, 1]),
        ([6.0], True, [0]),
        ([6.0, 6.0, 6.0], True, [0, 0, 0]),
        ([NAN, NAN], True, [0, 0]),
    ],
)
def test_rank(means: list[float], higher: bool, places: list[int]) -> None:
    assert rank(means, higher) == places


def test_a_table_shows_four_digits() -> None:
    assert [decimals_for([x]) for x in (0, 0.5, 5, 55, 555, 5555, -55, NAN)] == [
        4, 4, 3, 2, 1, 1, 2, 4,
    ]  # fmt: skip
    assert decimals_for([0.1, math.inf, 12]) == 2
    assert deviation(np.array([1.0, 3.0]), 3) == "1.414"
    assert deviation(np.array([1.0]), 3) == ""


def test_summary() -> None:
    scores = {method: np.array(table) for method, table in SCORES.items()}
    cells = summarize(["en", "ce", "ssim"], scores)
    assert [[cell.place for cell in line] for line in cells.values()] == [
        [2, 2, 1],
        [1, 1, 0],
        [0, 0, 2],
    ]
    assert cells["DenseFuse"][0][1:3] == ("6.000", "1.414")
    assert cells["BFFR"][2][1:3] == ("nan", "nan")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (3.2, 7.9, [4, 5, 6, 7]),
        (-0.31, 0.28, [-0.2, 0, 0.2]),
        (870.0, 9200.0, [2000, 4000, 6000, 8000]),
        (0.99951, 0.99969, [0.99955, 0.9996, 0.99965]),
    ],
)
def test_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert plots.nice_ticks(low, high) == pytest.approx(ticks)


def test_a_plot_places_what_it_shows() -> None:
    left, right = plots.LABEL + plots.MARGIN, plots.WIDTH - plots.MARGIN
    drawing = plots.draw(
        {"A": np.array([0.0, 5.0, 10.0]), "B": np.array([10.0, NAN, NAN])}, ["x", "y", "z"]
    )
    first, second = drawing.strips
    middle = (left + right) / 2
    assert [dot.x for dot in first.dots] == pytest.approx([left, middle, right])
    assert [dot.title for dot in first.dots] == ["x: 0", "y: 5", "z: 10"]
    assert first.box == pytest.approx(((left + middle) / 2, (middle + right) / 2))
    assert first.mean == pytest.approx(middle)
    assert [dot.x for dot in second.dots] == [right]
    assert drawing.left_out == 2
    assert drawing.ticks[0] == (left, "0")


def test_plots_of_equal_and_of_no_values() -> None:
    equal = plots.draw({"A": np.array([2.0, 2.0])}, ["x", "y"])
    assert {dot.x for dot in equal.strips[0].dots} == {(plots.LABEL + plots.WIDTH) / 2}
    none = plots.draw({"A": np.array([NAN, math.inf])}, ["x", "y"])
    assert none.strips[0][2:] == ([], None, None)
    assert none.left_out == 2


def test_markdown(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    write_markdown(report, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text("utf-8")
    for line in (
        "Convention `standard`: the published definitions, on luma in 0-255. List: all.",
        "| | DenseFuse | BFFR | Average (baseline) |",
        "|---|---|---|---|",
        "| EN ↑ | <u>6.000</u> ± 1.414 | **7.000** ± 0.000 | 5.000 ± 0.000 |",
        "| CE ↓ | <u>2.000</u> ± 1.414 | **1.000** ± 0.707 | 3.000 ± 1.414 |",
        "| SSIM ↑ | **0.5000** ± 0.3536 | nan ± nan | <u>0.2500</u> ± 0.0000 |",
        "| DenseFuse | 0.722 | 1048 | cpu |  |",
        "| BFFR | 3.500 | 947 | cpu | of an earlier run |",
        "| Average | - | - | cpu |  |",
        "- Command: `python -m benchmark.run --data 'a b'`",
        f"- NestFuse: error: {markdown_cell(ODD)}",
        r"- Machine: two \<cores\>",
    ):
        assert line in text.splitlines()
    assert "\n\n\n" not in text
    assert markdown_cell("a|b <i> *x*\n_y_") == r"a\|b \<i\> \*x\* \_y\_"


def test_a_report_of_one_image_has_no_deviations(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    one = replace(report.images, scenes={"first": report.images.scenes["first"]})
    rows = [row for row in report.rows if row.image == "first"]
    report = replace(report, images=one, rows=rows, failures={})
    write_markdown(report, tmp_path / "report.md")
    write_html(report, tmp_path / "report.html")
    assert "±" not in (tmp_path / "report.md").read_text("utf-8")
    assert "Failed" not in (tmp_path / "report.md").read_text("utf-8")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "±" not in page
    assert ": 1 pair, 3 methods" in (tmp_path / "report.md").read_text("utf-8")


def test_the_page_holds_the_tables(html: str) -> None:
    page = Page(html)
    assert page.text.count("standard") == 1
    assert sum("standard" in text for text in page.text) == 3  # above, scores and plots name it
    values = [a["data-value"] for tag, a in page.elements if tag == "td" and "data-value" in a]
    assert values[:9] == ["6.0", "2.0", "0.5", "7.0", "1.0", "nan", "5.0", "3.0", "0.25"]
    assert values[9:11] == ["0.7216", "1048.4"]
    heads = [a["data-first"] for tag, a in page.elements if tag == "th" and "data-first" in a]
    assert heads[:4] == ["ascending", "descending", "ascending", "descending"]
    for text in ("EN ↑", "CE ↓", "7.000", "± 0.707", "0.722", "1048", "earlier run", "baseline"):
        assert text in page.text
    best = re.findall(r'<span class="(best|second)">([^<]+)<', html)
    assert best == [
        ("second", "second best"),
        ("second", "6.000"),
        ("second", "2.000"),
        ("best", "0.5000"),
        ("best", "7.000"),
        ("best", "1.000"),
        ("second", "0.2500"),
    ]
    assert sum(tag == "svg" for tag, _ in page.elements) == 3
    assert sum(tag == "circle" for tag, _ in page.elements) == 3 * 3 * 2 - 1  # one is nan


def test_the_page_loads_nothing(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.elements:
        for name in LOADING & attributes.keys():
            assert str(attributes[name]).startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"https?://|url\(|@import|\bfetch\(|XMLHttpRequest", html)
    [policy] = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    )
    assert [tag for tag, _ in page.elements if tag in ("link", "iframe", "object", "base")] == [
        "link"
    ]


def test_names_are_escaped(html: str) -> None:
    assert ODD not in html
    page = Page(html)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert "set & <set>" in page.text
    titles = [unescape(found) for found in re.findall(r"<title>(.*?)</title>", html)]
    assert f"{ODD}: 7" in titles
    assert f"error: {ODD}" in page.text
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html)
    scenes = json.loads(data)
    assert [scene["scene"] for scene in scenes] == ["first", ODD]
    assert [picture["name"] for picture in scenes[0]["sources"]] == ["infrared", "visible"]
    assert [picture["name"] for picture in scenes[0]["results"]] == list(SCORES)


def test_without_pictures_there_is_no_viewer(tmp_path: Path) -> None:
    write_html(replace(made_up(tmp_path), viewer_scenes=0), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert 'id="stage"' not in text
    assert "data:image" not in text


def test_a_picture_keeps_size_and_depth(tmp_path: Path) -> None:
    image = np.full((30, 41), 129 * 257, np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    kind, _, code = data_address(tmp_path / "a.png").partition(",")
    assert kind == "data:image/jpeg;base64"
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(code), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert (picture.shape, picture.dtype) == ((30, 41), np.uint8)
    assert abs(int(picture[7, 7]) - 129) <= 1
