"""`fuse.py` without PyTorch writes what `run_fusion.py` of each method writes."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import CASES, ROOT, Export, picture, run
from tiled_onnx import OnnxFusion

APP = ROOT / "apps" / "onnx"
LEVELS = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 13}  # 0.05 of 255, or one for rounding
pytestmark = pytest.mark.xdist_group("onnx")  # exported once


def sources_of(name: str, images: dict[str, Path]) -> list[object]:
    return [word for flag in CASES[name].sources for word in (f"--{flag}", images[flag])]


@pytest.fixture(scope="session")
def no_torch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which PyTorch and the package onnx cannot be imported."""
    folder = tmp_path_factory.mktemp("blocked")
    for package in ("torch", "onnx"):
        code = f"raise ImportError('{package} is not for this process')\n"
        (folder / f"{package}.py").write_text(code, "utf-8")
    assert "not for this process" in run(APP, "-c", "import torch", PYTHONPATH=str(folder)).stderr
    return {"PYTHONPATH": str(folder)}


def differences(path: Path, other: Path) -> np.ndarray:
    """Return how far two files' values are apart; they are of one type and shape."""
    first, second = (cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in (path, other))
    assert first.dtype == second.dtype
    assert first.shape == second.shape
    assert first.std() > 0.02 * np.iinfo(first.dtype).max
    return np.abs(first.astype(int) - second)


@pytest.mark.parametrize("name", CASES)
def test_it_writes_what_run_fusion_writes(
    name: str,
    export: Export,
    images: dict[str, Path],
    no_torch: dict[str, str],
    tmp_path: Path,
) -> None:
    case, sources = CASES[name], sources_of(name, images)
    app, method = tmp_path / "app.png", tmp_path / "method.png"
    done = run(APP, "fuse.py", "--model", export(name), *sources, "--output", app, **no_torch)
    assert (done.returncode, done.stderr) == (0, "")
    words = ("run_fusion.py", *sources, "--output", method, "--device", "cpu", *case.fusion)
    done = run(ROOT / case.method, *words)
    assert done.returncode == 0, done.stderr
    apart = differences(app, method)
    level = LEVELS[cv2.imread(str(app), cv2.IMREAD_UNCHANGED).dtype]
    assert apart.max() <= level
    assert (apart > level / 2).mean() < 0.02


@pytest.mark.parametrize("name", [name for name in CASES if name != "NestFuse whole"])
@pytest.mark.parametrize("size", [(75, 90), (64, 130)])
def test_tiles_give_the_whole_image(name: str, size: tuple[int, int], export: Export) -> None:
    fusion = OnnxFusion(export(name))
    sources = [picture(5, 3, np.uint16, size), picture(6, 1, np.uint16, size)]
    whole = fusion.fuse(sources, 0).astype(int)
    tiled = fusion.fuse(sources, 32)
    assert whole.std() > 2000
    assert np.abs(whole - tiled).max() <= LEVELS[tiled.dtype]


def test_images_smaller_than_the_network_are_fused(export: Export) -> None:
    sources = [picture(7, 3, np.uint8, (5, 9)), picture(8, 1, np.uint8, (5, 9))]
    assert OnnxFusion(export("NestFuse")).fuse(sources).shape == (5, 9, 3)


def app(model: Path, output: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return run(APP, "fuse.py", "--model", model, "--output", output, *words)


def test_tiles_of_a_file_for_whole_images_are_refused(
    export: Export, images: dict[str, Path], tmp_path: Path
) -> None:
    sources = sources_of("NestFuse whole", images)
    done = app(export("NestFuse whole"), tmp_path / "fused.png", *sources, "--tile", 32)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "run_export.py --tiled" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_existing_result_stays(export: Export, images: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "fused.png"
    output.write_bytes(b"mine")
    sources = sources_of("DenseFuse", images)
    done = app(export("DenseFuse"), output, *sources)
    assert done.returncode == 1
    assert f"{output} exists; --overwrite" in done.stderr
    assert output.read_bytes() == b"mine"
    assert app(export("DenseFuse"), output, *sources, "--overwrite").returncode == 0
    assert cv2.imread(str(output)) is not None
    assert list(tmp_path.iterdir()) == [output]


def test_what_cannot_be_fused_is_named(
    export: Export, images: dict[str, Path], tmp_path: Path
) -> None:
    model, output = export("DenseFuse"), tmp_path / "fused.png"
    small, absent = tmp_path / "small.png", tmp_path / "absent.png"
    assert cv2.imwrite(str(small), picture(9, 1, np.uint8, (20, 30)))
    vis, ir = images["vis"], images["ir"]
    expected = {
        ("--vis", vis, "--ir", absent): f"no such file: {absent}",
        ("--vis", vis, "--ir", small): f"sizes differ: {vis} 90x75, {small} 30x20",
        ("--vis", vis, "--ir", vis): "--ir_color luma",
        ("--vis", vis): "takes --vis and --ir; given: --vis",
        ("--under", vis, "--over", vis): "takes --vis and --ir; given: --under and --over",
        ("--vis", vis, "--ir", ir, "--ir_range", "5:2"): "--ir_range 5:2 is empty",
    }
    for words, message in expected.items():
        done = app(model, output, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
    assert not output.exists()


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_file_that_is_no_model_is_named(
    content: bytes | None, images: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    model = tmp_path / "method.onnx"
    if content is not None:
        model.write_bytes(content)
    done = app(model, tmp_path / "fused.png", *sources_of("DenseFuse", images))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert str(model) in done.stderr


def test_statistics_of_another_export_are_refused(
    export: Export, images: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "method.onnx"
    model.write_bytes(export("NestFuse").read_bytes())
    statistics = model.with_suffix(".statistics.onnx")
    sources = sources_of("NestFuse", images)
    assert f"no such file: {statistics}" in app(model, tmp_path / "a.png", *sources).stderr
    other = export("NestFuse max").with_suffix(".statistics.onnx")
    statistics.write_bytes(other.read_bytes())
    assert "does not belong to" in app(model, tmp_path / "a.png", *sources).stderr


def test_a_missing_onnxruntime_is_named(images: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError\n", "utf-8")
    sources = sources_of("DenseFuse", images)
    words = ("--model", tmp_path / "a.onnx", "--output", tmp_path / "a.png", *sources)
    done = run(APP, "fuse.py", *words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install -r apps/onnx/requirements.txt" in done.stderr


def test_infrared_ranges_are_those_of_the_scripts(
    export: Export, images: dict[str, Path], tmp_path: Path
) -> None:
    for spec in ("minmax", "percentile", "20:200"):
        sources = (*sources_of("DenseFuse", images), "--ir_range", spec)
        mine, method = tmp_path / f"{spec}-app.png", tmp_path / f"{spec}-method.png"
        assert app(export("DenseFuse"), mine, *sources).returncode == 0
        words = (*sources, "--output", method, "--strategy", "l1", "--device", "cpu")
        assert run(ROOT / "DenseFuse_2019", "run_fusion.py", *words).returncode == 0
        assert differences(mine, method).max() <= 1
