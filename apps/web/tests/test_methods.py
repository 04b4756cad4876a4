"""What the page offers of each method, and that it fuses as run_fusion.py does."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

import hubconf
from apps.realtime.models import Student
from apps.web.methods import Method, Setting, find_methods
from apps.web.tests.files import DEMO, ROOT, STREET, deep_pair

PAIRS = ("DenseFuse", "NestFuse", "U2Fusion", "BFFR")


@pytest.fixture(scope="module")
def methods() -> dict[str, Method]:
    return {method.name: method for method in find_methods()}


def names(method: Method, kind: str) -> set[str]:
    return {setting.flag for setting in method.kinds[kind].settings}


def by_flag(method: Method, flag: str) -> Setting:
    return next(s for kind in method.kinds.values() for s in kind.settings if s.flag == flag)


def test_settings_are_those_of_the_method_and_of_its_sources(methods: dict[str, Method]) -> None:
    infrared = {"--ir_range", "--ir_color", "--resize"}
    every = {"--color", "--stretch"}
    assert names(methods["DenseFuse"], "pair") >= infrared | every | {"--strategy"}
    assert names(methods["NestFuse"], "pair") >= {"--spatial", "--channel", "--attention"}
    assert names(methods["DeepFuse"], "exposures") >= every | {"--align"}
    assert not names(methods["U2Fusion"], "exposures") & infrared
    assert "--align" not in names(methods["U2Fusion"], "pair")
    assert "--segment" not in names(methods["BFFR"], "pair")  # nothing that fusing takes
    strategy = by_flag(methods["DenseFuse"], "--strategy")
    assert (strategy.default, strategy.choices) == ("addition", ("addition", "l1", "max"))
    ir_range = by_flag(methods["DenseFuse"], "--ir_range")
    assert ir_range.is_open
    assert ir_range.choices == ("full", "minmax", "percentile")


@pytest.mark.parametrize("flag, value, words", [
    ("--strategy", "l1", ["--strategy=l1"]),
    ("--strategy", "addition", []),
    ("--color", False, ["--color=False"]),
    ("--color", True, []),
    ("--resize", "", []),
    ("--ir_range", "-5:40", ["--ir_range=-5:40"]),
])  # fmt: skip
def test_settings_become_flags(
    methods: dict[str, Method], flag: str, value: object, words: list[str]
) -> None:
    assert by_flag(methods["DenseFuse"], flag).words(value) == words


def test_a_switch_becomes_a_bare_flag(methods: dict[str, Method]) -> None:
    assert by_flag(methods["BFFR"], "--authors_quirks").words(True) == ["--authors_quirks"]
    assert by_flag(methods["DeepFuse"], "--align").words(True) == ["--align"]


def test_the_page_begins_with_what_a_method_recommends(methods: dict[str, Method]) -> None:
    levels = by_flag(methods["DeepFuse"], "--levels")
    assert (levels.default, levels.choices, levels.first) == (None, ("1", "3"), 3)
    assert levels.words("3") == ["--levels=3"]
    for method in methods.values():
        for kind in method.kinds.values():
            for setting in kind.settings:
                assert setting.flag == "--levels" or setting.first == setting.default


def test_a_folder_more_is_a_method_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: dict[str, Method]
) -> None:
    sixth = tmp_path / "ToyFuse_2018"
    shutil.copytree(ROOT / "DenseFuse_2019", sixth)
    monkeypatch.setattr(hubconf, "_FOLDERS", [*hubconf._FOLDERS, sixth])
    found = [method.name for method in find_methods()]
    older = sum(method.year < "2018" for method in methods.values())
    assert found == [*list(methods)[:older], "ToyFuse", *list(methods)[older:]]


def run_fusion(method: Method, *words: object) -> None:
    command = [sys.executable, "run_fusion.py", *map(str, words)]
    folder = next(ROOT.glob(f"{method.name}_20*"))
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_fused_as_the_script_does(
    methods: dict[str, Method], tmp_path: Path, name: str
) -> None:
    vis, ir = deep_pair(tmp_path)
    sources = ("--vis", str(vis), "--ir", str(ir))
    method = methods[name]
    settings = {by_flag(method, "--ir_range"): "minmax", by_flag(method, "--stretch"): "minmax"}
    fused = method.fuse(sources, settings, tmp_path / "page.png")
    flags = ("--ir_range", "minmax", "--stretch", "minmax")
    run_fusion(method, *sources, *flags, "--output", tmp_path / "script.png")
    assert fused.path.read_bytes() == (tmp_path / "script.png").read_bytes()
    assert cv2.imread(str(fused.path), cv2.IMREAD_UNCHANGED).dtype == np.uint16


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DeepFuse", "U2Fusion"])
def test_brackets_are_fused_as_the_script_does(
    methods: dict[str, Method], tmp_path: Path, name: str
) -> None:
    sources = ("--scene_dir", str(DEMO / "exposures" / "rocket_launch"))  # not the darkest first
    fused = methods[name].fuse(sources, {}, tmp_path / "page.png")
    run_fusion(methods[name], *sources, "--output", tmp_path / "script.png")
    assert fused.path.read_bytes() == (tmp_path / "script.png").read_bytes()
    assert len(fused.sources) == 3


def test_a_wrong_setting_is_an_error(methods: dict[str, Method], tmp_path: Path) -> None:
    method = methods["DenseFuse"]
    settings = {by_flag(method, "--ir_range"): "9:2"}
    sources = ("--vis", str(STREET[0]), "--ir", str(STREET[1]))
    with pytest.raises(argparse.ArgumentError, match="9:2"):
        method.fuse(sources, settings, tmp_path / "page.png")


def test_what_a_method_says_of_its_sources_is_kept(
    methods: dict[str, Method], tmp_path: Path
) -> None:
    sources = ("--vis", str(STREET[1]), "--ir", str(STREET[1]))
    fused = methods["DenseFuse"].fuse(sources, {}, tmp_path / "page.png")
    assert any("identical" in text for text in fused.messages)


def test_a_student_is_a_method_more(tmp_path: Path) -> None:
    weights = tmp_path / "nestfuse" / "model.safetensors"
    weights.parent.mkdir()
    about = {"teacher": "nestfuse", "kind": "pair"}
    save_file(Student().state_dict(), weights, about)  # the average, as it is not trained
    methods = {method.name: method for method in find_methods(tmp_path)}
    student, teacher = methods["NestFuse-realtime"], methods["NestFuse"]
    assert names(teacher, "pair") - names(student, "pair") == {
        *("--spatial", "--channel", "--attention", "--rgb_mode")
    }
    sources = ("--vis", str(STREET[0]), "--ir", str(STREET[1]))
    gray = {by_flag(student, "--color"): False}
    fused = student.fuse(sources, gray, tmp_path / "page.png")
    luma = cv2.imread(str(STREET[0])) @ np.array([0.114, 0.587, 0.299])
    average = (luma + cv2.imread(str(STREET[1]), cv2.IMREAD_GRAYSCALE)) / 2
    assert np.abs(cv2.imread(str(fused.path), cv2.IMREAD_UNCHANGED) - average).max() <= 0.51
