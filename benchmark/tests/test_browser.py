"""The HTML report in headless Chromium, where it and its driver are installed."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from benchmark.report import write_html
from benchmark.tests.pages import ALL_METRICS, ODD, SCORES, made_up, with_many_images

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="Chromium and chromedriver are not installed (Debian: chromium, chromium-driver)",
    ),
]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
WIDTHS = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
Driver = Any  # selenium's webdriver.Chrome


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_window_size(1000, 900)
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Driver, tmp_path: Path) -> Iterator[Driver]:
    """The made-up report, opened; what a test leaves in the log of errors fails it."""
    write_html(made_up(tmp_path), tmp_path / "report.html")
    chromium.get_log("browser")
    chromium.get((tmp_path / "report.html").as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def find(page: Driver, selector: str) -> Any:
    return page.find_element("css selector", selector)


def at(page: Driver) -> int:
    return int(find(page, "#divider").get_attribute("aria-valuenow"))


def methods(page: Driver) -> list[str]:
    heads = page.find_elements("css selector", "#scores-table tbody th")
    return [head.get_attribute("data-value") for head in heads]


def keys(page: Driver, *names: str) -> None:
    actions = webdriver.ActionChains(page)
    for name in names:
        actions.send_keys(getattr(webdriver.Keys, name))
    actions.perform()


def choose(page: Driver, selector: str, text: str) -> None:
    options = page.find_elements("css selector", f"{selector} option")
    next(option for option in options if option.text == text).click()


def drag(page: Driver, element: Any, right: int, down: int) -> None:
    chain = webdriver.ActionChains(page).click_and_hold(element)
    chain.move_by_offset(right // 2, down).move_by_offset(right - right // 2, 0).release().perform()


def style(page: Driver, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    return str(page.execute_script(script, selector, name))


def test_the_divider_is_dragged(page: Driver) -> None:
    stage, divider = find(page, "#stage"), find(page, "#divider")
    width = stage.size["width"]
    assert at(page) == 50
    assert style(page, "#left", "clipPath") == "inset(0px 50% 0px 0px)"
    drag(page, divider, round(width / 4), 30)
    assert at(page) == pytest.approx(75, abs=1)
    middle = divider.rect["x"] + divider.rect["width"] / 2 - stage.rect["x"]
    assert middle / width == pytest.approx(0.75, abs=0.01)
    assert style(page, "#left", "clipPath").startswith("inset(0px 25")
    drag(page, divider, -round(width / 2), -40)
    assert at(page) == pytest.approx(25, abs=1)
    webdriver.ActionChains(page).move_by_offset(50, 0).perform()  # released: nothing follows
    assert at(page) == pytest.approx(25, abs=1)
    drag(page, divider, -round(0.25 * width) - 60, 0)
    assert at(page) == 0
    beside = webdriver.ActionChains(page).move_to_element_with_offset(stage, round(0.4 * width), 0)
    beside.click().perform()
    assert at(page) == pytest.approx(90, abs=1)


def test_the_divider_moves_by_keys(page: Driver) -> None:
    page.execute_script("document.getElementById('size').focus()")
    keys(page, "TAB")
    divider = find(page, "#divider")
    assert page.switch_to.active_element == divider
    assert style(page, "#divider:focus-visible", "outlineStyle") == "none"
    ring = "return getComputedStyle(document.getElementById('divider'), '::after').boxShadow"
    focused = page.execute_script(ring)
    for names, value in (
        (["ARROW_RIGHT"], 52),
        (["ARROW_LEFT"] * 3, 46),
        (["PAGE_UP"], 56),
        (["HOME"], 0),
        (["ARROW_LEFT"], 0),
        (["END"], 100),
        (["ARROW_RIGHT"], 100),
    ):
        keys(page, *names)
        assert at(page) == value
    webdriver.ActionChains(page).key_down(webdriver.Keys.SHIFT).send_keys(
        webdriver.Keys.ARROW_LEFT
    ).key_up(webdriver.Keys.SHIFT).perform()
    assert at(page) == 90
    assert divider.get_attribute("aria-valuetext") == "visible 90 %, DenseFuse 10 %"
    keys(page, "TAB")
    assert page.execute_script(ring) != focused


def test_a_column_sorts_the_better_first(page: Driver) -> None:
    assert methods(page) == list(SCORES)
    buttons = page.find_elements("css selector", "#scores-table thead button")
    by_name = {button.text: button for button in buttons}
    for name, order, direction in (
        ("EN ↑", ["BFFR", "DenseFuse", "Average"], "descending"),
        ("EN ↑", ["Average", "DenseFuse", "BFFR"], "ascending"),
        ("CE ↓", ["BFFR", "DenseFuse", "Average"], "ascending"),
        ("SSIM ↑", ["DenseFuse", "Average", "BFFR"], "descending"),
        ("SSIM ↑", ["Average", "DenseFuse", "BFFR"], "ascending"),  # nan stays last
        ("Method", ["Average", "BFFR", "DenseFuse"], "ascending"),
    ):
        by_name[name].click()
        assert methods(page) == order
        sorted_by = page.find_elements("css selector", "#scores-table th[aria-sort]")
        assert [(h.text, h.get_attribute("aria-sort")) for h in sorted_by] == [(name, direction)]


def test_methods_are_filtered_by_name(page: Driver) -> None:
    field = find(page, "#filter")
    for typed, shown in (("fuse", ["DenseFuse"]), ("", list(SCORES)), ("zzz", [])):
        field.clear()
        field.send_keys(typed, webdriver.Keys.SPACE, webdriver.Keys.BACKSPACE)
        rows = page.find_elements("css selector", "#scores-table tbody tr")
        visible = [row.find_element("css selector", "th") for row in rows if row.is_displayed()]
        assert [head.get_attribute("data-value") for head in visible] == shown


def test_columns_are_sorted_from_the_keyboard(page: Driver) -> None:
    page.execute_script("document.querySelector('#cost-table button').focus()")
    keys(page, "TAB", "ENTER")
    heads = page.find_elements("css selector", "#cost-table tbody th")
    names = [head.get_attribute("data-value") for head in heads]
    assert names == ["DenseFuse", "BFFR", "Average"]  # the last has no time
    outline = page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_scenes_and_pictures_are_chosen(page: Driver) -> None:
    left, right = find(page, "#left"), find(page, "#right")
    assert (left.get_attribute("alt"), right.get_attribute("alt")) == (
        "first, visible",
        "first, DenseFuse",
    )
    size = "return [arguments[0].naturalWidth, arguments[0].naturalHeight]"
    assert page.execute_script(size, left) == [28, 24]
    choose(page, "#left-name", "infrared")
    choose(page, "#right-name", "BFFR")
    find(page, "#next").click()
    assert left.get_attribute("alt") == f"{ODD}, infrared"
    assert right.get_attribute("alt") == f"{ODD}, BFFR"
    find(page, "#swap").click()
    assert left.get_attribute("alt") == f"{ODD}, BFFR"
    assert find(page, "#left-tag").text == "BFFR"
    find(page, "#next").click()
    assert find(page, "#scene").get_attribute("value") == "first"
    choose(page, "#size", "200 %")
    assert find(page, "#stage").size["width"] == 2 * 28


def test_light_and_dark(page: Driver) -> None:
    colors = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        colors[scheme] = [
            brightness(style(page, selector, name))
            for selector, name in (
                ("body", "backgroundColor"),
                ("body", "color"),
                ("svg g text", "fill"),
                (".scroll", "backgroundColor"),
            )
        ]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    paper, ink, text, card = colors["light"]
    assert min(paper, card) > 240 > 60 > max(ink, text)
    paper, ink, text, card = colors["dark"]
    assert max(paper, card) < 60 < 200 < min(ink, text)


def brightness(color: str) -> float:
    """Return the mean of rgb(r, g, b)."""
    return sum(map(int, color.removeprefix("rgb(").removesuffix(")").split(","))) / 3


@pytest.mark.parametrize("width", [360, 1400])
def test_only_the_tables_scroll_sideways(page: Driver, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    whole, seen = page.execute_script(WIDTHS)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert whole == seen <= width


def test_stars_leave_the_digits_aligned_and_scroll_with_the_table(
    chromium: Driver, tmp_path: Path
) -> None:
    report = with_many_images(tmp_path)
    wide = len(ALL_METRICS)
    rows = [row._replace(values=[row.values[0]] * wide) for row in report.rows]
    write_html(replace(report, rows=rows, metrics=ALL_METRICS), tmp_path / "report.html")
    chromium.get((tmp_path / "report.html").as_uri())
    stars = chromium.find_elements("css selector", "#scores-table sup")
    assert len(stars) > wide / 2
    ends = [
        cell.rect["x"] + cell.rect["width"]
        for cell in chromium.find_elements("css selector", "#scores-table td:nth-child(2) > span")
    ]
    assert max(ends) - min(ends) < 0.5
    whole, seen = chromium.execute_script(WIDTHS)
    assert whole == seen
    table = find(chromium, ".scroll")
    assert stars[-1].rect["x"] > table.rect["x"] + table.rect["width"]  # to be scrolled to
    assert chromium.get_log("browser") == []


def test_nothing_is_loaded_but_the_page(page: Driver) -> None:
    loaded = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    names = page.execute_script(loaded)
    assert [name for name in names if not name.startswith("data:")] == []


def test_errors_are_seen(chromium: Driver, tmp_path: Path) -> None:
    """What the other tests rely on: an error in the script lands in the log."""
    text = "<script>undefined.wrong</script>"
    (tmp_path / "wrong.html").write_text(text)
    chromium.get((tmp_path / "wrong.html").as_uri())
    [entry] = chromium.get_log("browser")
    assert "TypeError" in entry["message"]
