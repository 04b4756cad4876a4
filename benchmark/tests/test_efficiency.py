"""Parameters, multiply-adds, times and memory: counts worked by hand, and what reports show."""

import csv
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark import ROOT
from benchmark.efficiency import Efficiency, measure
from benchmark.efficiency import __main__ as command_line
from benchmark.efficiency.processes import measure as measure_process
from benchmark.environment import child_environment
from benchmark.fusing import MethodError
from benchmark.methods import BASELINES, Method, find_methods
from benchmark.report import write_html, write_latex, write_markdown, write_means
from benchmark.tests.pages import made_up
from benchmark.tests.runs import call, stand_ins
from benchmark.tests.stand_ins import SCRIPT, add_pairs

PIXELS = 640 * 480
FOUND = Efficiency(74_193, 27_028_684_800, 0.4426, 1470.2)
PUBLISHED = {  # numbers of parameters, as the READMEs of the methods quote them
    "DeepFuse_2017": 88_961,
    "DenseFuse_2019": 74_193,
    "NestFuse_2020": 2_732_761,
    "U2Fusion_2020": 659_217,
    "BFFR_2022": 3_908_321,
}
COUNT = """
from benchmark.efficiency.measure import count_parameters, network
from utils.util_fusion import ImageFusion
print(count_parameters(network(ImageFusion(device="cpu"))))
"""
# DenseFuse: 3x3 convolutions 1-16, 16-16, 32-16, 48-16 of two sources, then 64-64-32-16-1
DENSEFUSE = 9 * (2 * (1 + 16 + 32 + 48) * 16 + 64 * 64 + 64 * 32 + 32 * 16 + 16 * 1)
DENSEFUSE_COUNT = """
import numpy
from benchmark.efficiency.measure import count_multiply_adds
from utils.util_fusion import ImageFusion
fusion = ImageFusion(device="cpu", tile=0)
pair = [numpy.zeros((32, 40), numpy.uint8)] * 2
print(count_multiply_adds(lambda: fusion.fuse(pair)))
"""
# The mean of two sources, 5x5 from 1 to 4 maps, and 3x3 from 4 to 1
TOY = """
import numpy as np, torch
from utils.util_weights import load_model
class ImageFusion:
    weights = "none"
    def __init__(self, device, tile=None):
        self.model = load_model(self.weights)
    def fuse(self, sources):
        with torch.inference_mode():
            mean = torch.from_numpy(np.mean(sources, axis=0, dtype=np.float32))
            return self.model(mean[None, None])[0, 0].numpy()
"""
TOY_WEIGHTS = """
from torch import nn
def load_model(path):
    return nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Method:
    """Return a method found by its folder."""
    root = tmp_path_factory.mktemp("root")
    utils = root / "Toy_2001" / "utils"
    utils.mkdir(parents=True)
    (utils.parent / "run_fusion.py").write_text(SCRIPT)
    (utils / "util_fusion.py").write_text(TOY)
    (utils / "util_weights.py").write_text(TOY_WEIGHTS)
    return find_methods(root)["Toy"]


def in_folder(folder: Path, code: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_network_worked_by_hand(toy: Method) -> None:
    found = measure_process(toy, "cpu")
    assert found.parameters == (25 * 4 + 4) + (9 * 4 + 1)
    assert found.multiply_adds == PIXELS * (25 * 4 + 9 * 4)
    assert found.seconds > 0
    assert sys.platform == "win32" or (found.peak_mib or 0) > 50


def test_matrix_products_and_strides_are_counted() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, bias=False), nn.Flatten(), nn.Linear(80, 7))
    # 4 x 4 values of 5 maps, each from 3 x 3 x 3; then 80 x 7
    count = measure.count_multiply_adds(lambda: layers(torch.zeros(1, 3, 9, 9)))
    assert count == 4 * 4 * 5 * 27 + 80 * 7
    assert measure.count_parameters(layers) == 5 * 27 + 80 * 7 + 7


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_published_numbers_of_parameters(name: str, count: int) -> None:
    assert in_folder(ROOT / name, COUNT) == count


def test_multiply_adds_of_densefuse() -> None:
    assert in_folder(ROOT / "DenseFuse_2019", DENSEFUSE_COUNT) == 32 * 40 * DENSEFUSE
    assert FOUND.multiply_adds == PIXELS * DENSEFUSE


def test_the_time_is_the_median_of_ten_after_a_first(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([100.0, 9, 1, 8, 2, 7, 3, 6, 4, 50, 5])
    now = 0.0

    def fuse() -> None:
        nonlocal now
        now += next(durations)

    monkeypatch.setattr(measure.time, "perf_counter", lambda: now)
    assert measure.median_seconds(fuse) == 5.5
    assert next(durations, None) is None


def test_a_baseline_has_time_and_memory_only() -> None:
    found = measure_process(BASELINES["Average"], "cpu")
    assert (found.parameters, found.multiply_adds) == (None, None)
    assert found.seconds > 0


def test_a_method_that_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="No module named 'utils"):
        measure_process(Method(("pairs",), tmp_path), "cpu")


def test_the_table(
    toy: Method, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Method(("pairs",), toy.folder.parent)
    monkeypatch.setattr(command_line, "find_methods", lambda: {"Toy": toy, "Broken": broken})
    assert command_line.main(["--device", "cpu"]) == 1
    printed = capsys.readouterr()
    assert "error: Broken: " in printed.err
    *_, row = printed.out.splitlines()
    name, parameters, multiply_adds, seconds, _ = (cell.strip() for cell in row.split("|")[1:-1])
    assert (name, parameters, multiply_adds) == ("Toy", "141", "0.04")
    assert float(seconds) < 10


def test_a_comparison_measures_what_it_can(tmp_path: Path, toy: Method) -> None:
    add_pairs(tmp_path / "set", "ab")
    out, copy = tmp_path / "out", "import shutil, sys; shutil.copy(*sys.argv[1:])"
    external = f"Copy={sys.executable} -c '{copy}' {{vis}} {{output}}"
    methods = {"Toy": toy, "Average": BASELINES["Average"], **stand_ins(tmp_path, "good")}
    flags = ("--efficiency", "--external", external)
    assert call(tmp_path / "set", out, methods, *flags) == 0
    rows = {row["method"]: row for row in read(out / "report.csv")}
    assert rows["Toy"]["parameters"] == "141"
    assert float(rows["Toy"]["multiply_adds_640x480"]) == PIXELS * 136
    assert float(rows["Average"]["seconds_640x480"]) > 0
    assert rows["Average"]["parameters"] == ""
    for name in ("Good", "Copy"):
        assert list(rows[name].values())[-4:] == [""] * 4
        assert float(rows[name]["peak_mib"]) > 0
    note = "efficiency not measured: ModuleNotFoundError"
    assert note in (out / "report.md").read_text("utf-8")


def test_reused_results_keep_their_efficiency(tmp_path: Path) -> None:
    add_pairs(tmp_path / "set", "ab")
    methods = stand_ins(tmp_path, "good")
    assert call(tmp_path / "set", tmp_path / "out", methods) == 0
    file = tmp_path / "out" / "logs" / "Good.json"
    record = json.loads(file.read_text("utf-8"))
    assert record["efficiency"] is None
    file.write_text(json.dumps(record | {"efficiency": asdict(FOUND)}), encoding="utf-8")
    again = ("--reuse", "--overwrite", "--efficiency")
    assert call(tmp_path / "set", tmp_path / "out", methods, *again) == 0
    [row] = read(tmp_path / "out" / "report.csv")
    assert row["parameters"] == "74193"
    assert row["seconds_640x480"] == "0.4426"


def test_every_report_has_the_columns(tmp_path: Path) -> None:
    report = made_up(tmp_path)
    with_one = report.records | {
        "DenseFuse": replace(report.records["DenseFuse"], efficiency=FOUND)
    }
    texts = {}
    for records in (report.records, with_one):
        for write in (write_html, write_latex, write_markdown, write_means):
            write(replace(report, records=records), tmp_path / "report")
            texts[write] = (tmp_path / "report").read_text("utf-8")
        assert all(("640x480" in text) == (records is with_one) for text in texts.values())
    dense = "| DenseFuse | 0.722 | 1048 | 74,193 | 27.03 | 0.443 | 1470 | cpu |  |"
    assert dense in texts[write_markdown].splitlines()
    assert "| Average | - | - | - | - | - | - | cpu |  |" in texts[write_markdown].splitlines()
    assert (
        r"DenseFuse & 0.722 & 1048 & 74,193 & 27.03 & 0.443 & 1470 & cpu \\" in texts[write_latex]
    )
    assert '<td data-value="27028684800">27.03</td>' in texts[write_html]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
