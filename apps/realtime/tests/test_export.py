"""Exported students: equal to PyTorch's, also in apps/onnx, and close to it in 8 bits."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import hubconf
from apps.realtime.run_export import main
from apps.realtime.teacher import InputError
from apps.realtime.tests.conftest import ROOT, MakeStudent, needs_onnx, picture, write_pairs

pytestmark = pytest.mark.xdist_group("student in ONNX")  # exported once


def run(path: Path, pair: list[np.ndarray]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {n: p[None, None] for n, p in zip(("vis", "ir"), pair, strict=True)}
    return np.asarray(session.run(None, inputs)[0])[0, 0].clip(0, 1)


def pair_of(size: tuple[int, int]) -> list[np.ndarray]:
    return [picture(seed, size) / np.float32(255) for seed in (1, 2)]


@pytest.fixture(scope="module")
def exported(
    student: MakeStudent, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], tuple[Path, Path]]:
    """Return a function that gives the weights of a student and its ONNX file."""

    @cache
    def export(whole: bool) -> tuple[Path, Path]:
        weights, path = student(whole), tmp_path_factory.mktemp("onnx") / "student.onnx"
        main(["--weights", str(weights), "--output", str(path)])
        return weights, path

    return export


@needs_onnx
@pytest.mark.parametrize("whole", [False, True])
def test_the_graph_gives_what_pytorch_gives(
    exported: Callable[[bool], tuple[Path, Path]], whole: bool
) -> None:
    weights, path = exported(whole)
    fusion = hubconf.realtime("u2fusion", weights, device="cpu", tile=0)
    for size in ((64, 96), (61, 83), (9, 8)):
        pair = pair_of(size)
        expected = fusion.fuse(pair)
        assert np.abs(expected - (pair[0] + pair[1]) / 2).max() > 0.02
        assert 255 * np.abs(run(path, pair) - expected).max() < 0.05


@needs_onnx
def test_8_bits_are_close_to_32(student: MakeStudent, tmp_path: Path) -> None:
    weights, path = student(), tmp_path / "student.onnx"
    pairs = write_pairs(tmp_path / "set", 3, (60, 70))
    words = ["--weights", weights, "--output", path, "--int8", "--data", pairs]
    main([str(word) for word in words])
    pair = pair_of((61, 83))
    expected = hubconf.realtime("u2fusion", weights, device="cpu").fuse(pair)
    found = run(path, pair)
    change = np.abs(expected - (pair[0] + pair[1]) / 2).mean()
    assert 0 < np.abs(found - expected).mean() < 0.05 * change


@needs_onnx
def test_apps_onnx_fuses_with_the_file(
    exported: Callable[[bool], tuple[Path, Path]], tmp_path: Path
) -> None:
    weights, model = exported(False)
    pairs = write_pairs(tmp_path / "set", 1, (61, 83))
    sources = [pairs / role / "scene0.png" for role in ("vis", "ir")]
    words = ["fuse.py", "--model", model, "--vis", sources[0], "--ir", sources[1]]
    words += ["--output", tmp_path / "fused.png", "--tile", "32"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, words)]
    subprocess.run(command, cwd=ROOT / "apps" / "onnx", env=environment, check=True)
    visible, infrared = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sources)
    fusion = hubconf.realtime("u2fusion", weights, device="cpu")
    expected = fusion.fuse([np.ascontiguousarray(visible[..., ::-1]), infrared])
    found = cv2.imread(str(tmp_path / "fused.png"))[..., ::-1]
    apart = np.abs(found.astype(int) - expected)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.02


@pytest.mark.parametrize("more, message", [
    (["--int8"], "--int8 and --data go together"),
    (["--data", "set"], "--int8 and --data go together"),
])  # fmt: skip
def test_flags_that_do_not_go_together(tmp_path: Path, more: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["--output", str(tmp_path / "student.onnx"), *more])
