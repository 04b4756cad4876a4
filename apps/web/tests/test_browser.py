"""The page in headless Chromium, by the steps of a person."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest

from apps.web.tests.files import DEMO, ROOT, STREET, bomb, deep_pair, save

NEEDED = [name for name in ("gradio", "selenium") if importlib.util.find_spec(name) is None]
NEEDED += [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("page"),
    pytest.mark.skipif(bool(NEEDED), reason=f"not installed: {', '.join(NEEDED)}"),
]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
PATIENCE = 60  # seconds
T = TypeVar("T")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page that is being served; afterwards nothing of what it was given is left."""
    temporary, log = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("log") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "apps.web", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: url in log.read_text() or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield url
        assert any(temporary.rglob("*.png"))  # it had files
    finally:
        server.terminate()
        server.wait(30)
    assert list(temporary.iterdir()) == []
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_window_size(1200, 1400)
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator["Page"]:
    chromium.get_log("browser")
    chromium.get(address)
    page = Page(chromium)
    wait(lambda: page.seen("button", "Fuse"))
    yield page
    assert [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"] == []


def wait(found: Callable[[], T]) -> T:
    """Return what a function returns once it is true."""
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return value


class Page:
    """What a person sees and does."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def seen(self, selector: str, text: str = "") -> list[Any]:
        """Return the visible elements with a text."""
        from selenium.common.exceptions import StaleElementReferenceException

        try:
            elements = self.driver.find_elements("css selector", selector)
            return [each for each in elements if each.is_displayed() and text in each.text]
        except StaleElementReferenceException:
            return []

    def press(self, selector: str, text: str = "") -> None:
        wait(lambda: self.seen(selector, text))[0].click()

    def upload(self, label: str, *paths: Path) -> None:
        """Put files into the field with a label, instead of those that are there."""
        block = f'//label[contains(., "{label}")]/ancestor::div[contains(@class, "block")][1]'
        for clear in self.driver.find_elements("xpath", f'{block}//button[@title="Clear"]'):
            clear.click()
        [field] = wait(lambda: self.driver.find_elements("xpath", f"{block}//input"))
        field.send_keys("\n".join(map(str, paths)))
        wait(lambda: all(self.seen(".file-preview", path.stem) for path in paths))

    def upload_pair(self, paths: Sequence[Path]) -> None:
        self.upload("Visible image", paths[0])
        self.upload("Infrared image", paths[1])

    def fuse(self) -> str:
        """Fuse, and return what is said about the result."""
        self.driver.execute_script("document.querySelector('.scores')?.remove()")
        self.press("button", "Fuse")
        wait(lambda: self.seen(".scores"))
        return str(self.seen("p", "seconds")[0].text)

    def download(self, folder: Path) -> Path:
        """Download the result into an empty folder."""
        folder.mkdir()
        where = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Page.setDownloadBehavior", where)
        self.press("button", "Download")
        return wait(lambda: list(folder.glob("*.png")))[0]

    def error(self) -> str:
        """Return the message, and close it."""
        text = wait(lambda: self.seen(".toast-body"))[0].text
        for close in self.seen(".toast-close"):
            close.click()
        wait(lambda: not self.seen(".toast-body"))
        return str(text)

    def picture(self) -> np.ndarray:
        """Return what is seen of sources and result beside the divider, (H, W, 3), B, G, R."""
        area = wait(lambda: self.seen(".slider-wrap"))
        encoded = np.frombuffer(area[0].screenshot_as_png, np.uint8)
        return sound(cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def sound(pixels: np.ndarray | None) -> np.ndarray:
    """Return what OpenCV decoded."""
    assert pixels is not None
    return pixels


def by_script(folder: str, output: Path, *words: object) -> bytes:
    """Return the file that a method's run_fusion.py writes."""
    command = [sys.executable, "run_fusion.py", *map(str, words), "--output", str(output)]
    subprocess.run(command, cwd=ROOT / folder, capture_output=True, check=True)
    return output.read_bytes()


def test_an_example_is_fused_compared_and_downloaded(page: Page, tmp_path: Path) -> None:
    page.press(".gallery-item")
    wait(lambda: len(page.seen(".sources img")) == 2)
    note = page.fuse()
    assert "DenseFuse" in note
    assert "320 x 240 pixels, 8 bits" in note
    assert page.seen(".scores", "Qabf")
    flags = ("--vis", STREET[0], "--ir", STREET[1])
    expected = by_script("DenseFuse_2019", tmp_path / "script.png", *flags)
    got = page.download(tmp_path / "downloads")
    assert got.read_bytes() == expected
    check_the_divider(page, sound(cv2.imread(str(got))))


def check_the_divider(page: Page, fused: np.ndarray) -> None:
    """Drag the divider, then change the source: what is seen must follow."""
    from selenium.webdriver import ActionChains

    sources = [sound(cv2.imread(str(path))) for path in STREET]
    assert nearest(page, 0.1, 0.4, [fused, *sources]) == 1
    assert nearest(page, 0.6, 0.9, [fused, *sources]) == 0
    handle = wait(lambda: page.seen("[data-testid=slider] .icon-wrap"))[0]
    width = page.picture().shape[1]
    ActionChains(page.driver).drag_and_drop_by_offset(handle, -round(0.45 * width), 0).perform()
    wait(lambda: nearest(page, 0.1, 0.4, [fused, *sources]) == 0)
    ActionChains(page.driver).drag_and_drop_by_offset(handle, round(0.9 * width), 0).perform()
    wait(lambda: nearest(page, 0.6, 0.9, [fused, *sources]) == 1)
    page.press("fieldset label", "Infrared image")
    wait(lambda: nearest(page, 0.1, 0.4, [fused, *sources]) == 2)


def nearest(page: Page, left: float, right: float, images: Sequence[np.ndarray]) -> int:
    """Return which image is seen between two parts of the width, below the labels."""
    seen = page.picture()
    height, width = seen.shape[:2]
    part = np.s_[round(0.2 * height) :, round(left * width) : round(right * width)]
    scaled = (cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images)
    return int(np.argmin([cv2.absdiff(seen[part], image[part]).mean() for image in scaled]))


def test_16_bits_stay_16_bits_with_the_chosen_settings(page: Page, tmp_path: Path) -> None:
    sources = deep_pair(tmp_path)
    page.upload_pair(sources)
    page.press("fieldset label", "NestFuse")
    page.press("button", "Settings")
    choose(page, "channel", "max")
    choose(page, "ir_range", "minmax")
    assert "72 pixels, 16 bits" in page.fuse()
    flags = ("--vis", sources[0], "--ir", sources[1], "--channel", "max", "--ir_range", "minmax")
    expected = by_script("NestFuse_2020", tmp_path / "script.png", *flags)
    got = page.download(tmp_path / "downloads")
    assert got.read_bytes() == expected
    pixels = sound(cv2.imread(str(got), cv2.IMREAD_UNCHANGED))
    assert pixels.dtype == np.uint16
    assert np.unique(pixels & 255).size > 1


def choose(page: Page, label: str, value: str) -> None:
    """Choose a value in a list."""
    wait(lambda: page.seen(f"input[aria-label='{label}']"))[0].click()
    page.press("[role=option]", value)


def write(page: Page, label: str, text: str) -> None:
    """Type a value that is not in a list."""
    field = wait(lambda: page.seen(f"input[aria-label='{label}']"))[0]
    field.click()
    field.clear()
    field.send_keys(f"{text}\n")


def test_a_bracket_is_fused(page: Page, tmp_path: Path) -> None:
    scene = DEMO / "exposures" / "sunset_street"
    page.press("[role=tab]", "Exposures")
    page.upload("Exposures", *sorted(scene.iterdir()))
    page.press("fieldset label", "U2Fusion")
    page.fuse()
    assert len(page.seen("fieldset label")) == 3 + 3  # methods, and sources beside the result
    expected = by_script("U2Fusion_2020", tmp_path / "script.png", "--scene_dir", scene)
    assert page.download(tmp_path / "downloads").read_bytes() == expected


def test_what_cannot_be_fused_is_said_and_a_good_pair_still_works(
    page: Page, tmp_path: Path
) -> None:
    text = tmp_path / "text.png"
    text.write_text("This is no picture.")
    cut = tmp_path / "cut.png"
    cut.write_bytes(STREET[0].read_bytes()[:20000])
    small = save(tmp_path / "small.png", np.full((60, 80), 99, np.uint8))

    page.press("button", "Fuse")
    assert "visible image is missing" in page.error()
    page.upload("Infrared image", STREET[1])
    page.press("button", "Fuse")
    assert "visible image is missing" in page.error()
    for path, said in ((text, "not an image"), (cut, "cut short"), (small, "sizes differ")):
        page.upload("Visible image", path)
        if path is not small:
            assert said in page.error()  # when it is uploaded
        page.press("button", "Fuse")
        message = page.error()
        assert said in message
        assert path.name in message
        assert str(tmp_path.parent) not in message
        assert "gradio" not in message.lower()
    page.upload("Visible image", bomb(tmp_path / "bomb.png", 30000))
    assert "too large" in page.error()
    page.press("button", "Fuse")
    assert "too large" in page.error()
    page.upload("Visible image", STREET[0])
    assert "8 bits" in page.fuse()
    page.press("button", "Settings")
    write(page, "ir_range", "9:2")
    page.press("button", "Fuse")
    assert "9:2" in page.error()
    write(page, "ir_range", "20:200")
    assert "8 bits" in page.fuse()


def test_one_exposure_is_not_enough(page: Page) -> None:
    page.press("[role=tab]", "Exposures")
    page.upload("Exposures", DEMO / "exposures" / "sunset_street" / "ev0.png")
    page.press("button", "Fuse")
    assert "Two or more" in page.error()


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.press(".gallery-item")
    page.fuse()
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    whole, seen = page.driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert whole == seen <= width


def test_nothing_is_loaded_from_elsewhere(page: Page, address: str) -> None:
    page.press(".gallery-item")
    page.fuse()
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    names = [n for n in page.driver.execute_script(script) if not n.startswith(("data:", "blob:"))]
    assert names
    assert [name for name in names if not name.startswith(address)] == []
