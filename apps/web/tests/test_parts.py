"""Limits, pictures, scores and the start of the page."""

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from apps.web import scores
from apps.web.limits import MAX_PIXELS, check_pixels
from apps.web.pictures import picture
from apps.web.tests.files import DEMO, ROOT, STREET, bomb, save


def test_images_within_the_limit_pass(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    check_pixels([*STREET, tmp_path / "text.png", bomb(tmp_path / "large.png", 7000)])


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [7100, 12000, 60000])
def test_images_beyond_the_limit_are_refused_by_their_headers(tmp_path: Path, side: int) -> None:
    assert side**2 > MAX_PIXELS
    with pytest.raises(ValueError, match=r"large\.png"):
        check_pixels([STREET[0], bomb(tmp_path / "large.png", side)])


def test_the_limit_is_of_all_images_together(tmp_path: Path) -> None:
    half = bomb(tmp_path / "half.png", 5000)
    check_pixels([half, half])
    with pytest.raises(ValueError, match="together"):
        check_pixels([half, half, STREET[0]])


def test_pictures_are_of_8_bits_in_three_channels() -> None:
    deep = np.array([[0, 257, 65535], [128 * 257, 1, 65534]], np.uint16)
    expected = np.array([[0, 1, 255], [128, 0, 255]], np.uint8)
    np.testing.assert_array_equal(picture(deep), np.dstack([expected] * 3))
    unit = np.array([[0, 0.5], [1, 0.2]], np.float32)
    np.testing.assert_array_equal(picture(unit)[..., 0], [[0, 128], [255, 51]])
    kelvin = np.array([[273, 283], [293, 313]], np.float32)  # 0 to 313 are black to white
    assert picture(kelvin)[1, 1, 0] == 255
    color = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(picture(color), color)


def test_large_pictures_are_reduced() -> None:
    shown = picture(np.full((30, 1000), 77, np.uint8), side=100)
    assert shown.shape == (3, 100, 3)
    assert (shown == 77).all()


def evaluate(*words: object) -> dict[str, str]:
    """Return the row that `benchmark.evaluate` writes."""
    command = [sys.executable, "-m", "benchmark.evaluate", *map(str, words)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    with Path(str(words[-1])).open() as file:
        return next(csv.DictReader(file))


@pytest.mark.parametrize("kind, count", [("pair", 2), ("scene", 2), ("scene", 3)])
def test_scores_are_those_of_the_benchmark(tmp_path: Path, kind: str, count: int) -> None:
    images = np.random.default_rng(3).integers(0, 256, (4, 48, 60), dtype=np.uint8)
    paths = [save(tmp_path / "all" / "scene" / f"{n}.png", images[n]) for n in range(count)]
    fused = save(tmp_path / "fused" / "scene.png", images[3])
    found = scores.score(paths, fused, 48 * 60, exposures=kind == "scene")
    sources = ["--vis", paths[0], "--ir", paths[1]]
    if kind == "scene":
        sources = ["--scenes", tmp_path / "all"]
    named = {each.label.lower().replace("-", "_"): each.value for each in found}
    columns = ("--metrics", *named, "--fused", f"x={fused}", "--output", tmp_path / "scores.csv")
    row = evaluate(*sources, *columns)
    assert named == {name: pytest.approx(float(row[name]), rel=1e-8) for name in named}
    some = {"pair": {"en", "mi", "vif"}, "scene": {"en", "mef_ssim"}}[kind]
    assert some <= named.keys()
    assert len({"mi", "vif"} & named.keys()) == (2 if count == 2 else 0)


def test_missing_packages_of_the_benchmark_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "benchmark.scoring", None)  # its import fails
    with pytest.raises(ValueError, match=r"pip install -r benchmark/requirements\.txt"):
        scores.score(STREET, STREET[0], 1, exposures=False)


def test_large_results_and_other_sizes_are_not_scored() -> None:
    with pytest.raises(ValueError, match="pixels"):
        scores.score(STREET, STREET[0], 10**7, exposures=False)
    other = DEMO / "ir_vis" / "vis" / "dusk_cyclist.png"
    with pytest.raises(ValueError, match="sizes differ"):
        scores.score(STREET, other, 1, exposures=False)


def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "apps.web", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_needs_no_gradio(tmp_path: Path) -> None:
    (tmp_path / "gradio.py").write_text("raise ValueError('imported')\n")
    done = start("--help", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert all(flag in done.stdout for flag in ("--host", "--port", "--share"))


def test_a_missing_gradio_is_one_sentence(tmp_path: Path) -> None:
    absent = "raise ModuleNotFoundError(\"No module named 'gradio'\", name='gradio')\n"
    (tmp_path / "gradio.py").write_text(absent)
    done = start(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "gradio" in line
    assert "apps/web/requirements.txt" in line


@pytest.mark.slow
def test_a_port_that_is_taken_is_said() -> None:
    pytest.importorskip("gradio")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = start("--port", port)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert port in line
    assert "--port" in line
