# From common_code/export/tests/behavior/test_export.py; edit it there, then tools/sync.py.
"""`run_export.py` writes what computes the same as `ImageFusion`, and says how to use it."""

import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import run_export
from tests.helpers import FOLDER, picture
from tests.method import EXPORTED, EXPORTS, NAME
from utils.common.export import describe
from utils.util_fusion import ImageFusion
from utils.utils import InputError

MISSING = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
needs_packages = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
pytestmark = pytest.mark.xdist_group("export")  # exported once
BOUND = 0.05 / 255
SIZES = [(32, 48), (33, 47), (50, 21)]


class Exported(NamedTuple):
    """A file, the settings of `ImageFusion` that it was exported with, and its metadata."""

    path: Path
    settings: dict[str, str]
    about: dict[str, str]

    def run(self, sources: list[np.ndarray]) -> np.ndarray:
        """Fuse images of (H, W) or (H, W, 3) in [0, 1] by onnxruntime alone."""
        import onnxruntime

        session = onnxruntime.InferenceSession(self.path, providers=["CPUExecutionProvider"])
        planes = [np.atleast_3d(source).transpose(2, 0, 1)[None] for source in sources]
        inputs = zip(self.about["sources"].split(), planes, strict=True)
        [fused] = session.run(["fused"], dict(inputs))
        return np.asarray(fused)[0].transpose(1, 2, 0).squeeze()


Export = Callable[[str], Exported]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export once with each command line, over an earlier file."""

    @cache
    def call(flags: str) -> Exported:
        import onnx

        path = tmp_path_factory.mktemp("onnx") / "method.onnx"
        path.write_bytes(b"old")
        words = ["--output", str(path), "--overwrite", *flags.split()]
        run_export.main(run_export.parse_args(words))
        about = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        return Exported(path, EXPORTS[flags], about)

    return call


@needs_packages
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flags", EXPORTS)
def test_it_fuses_as_image_fusion_does(export: Export, flags: str, size: tuple[int, int]) -> None:
    exported = export(flags)
    fusion = ImageFusion(device="cpu", tile=0, **exported.settings)
    channels = int(exported.about["channels"])
    pictures = [picture(n, *size, channels=channels, dtype=np.uint16) for n in range(2)]
    sources = [(pixels / 65535).astype(np.float32) for pixels in pictures]
    expected = fusion.fuse(sources)  # clipped, not rounded
    assert expected.std() > 0.01
    np.testing.assert_allclose(exported.run(sources).clip(0, 1), expected, rtol=0, atol=BOUND)


@needs_packages
@pytest.mark.parametrize("flags", EXPORTS)
def test_it_is_valid_and_says_what_it_is(export: Export, flags: str) -> None:
    import onnx

    exported = export(flags)
    onnx.checker.check_model(exported.path, full_check=True)
    weights = ImageFusion(device="cpu", **exported.settings).weights
    assert exported.about["method"] == NAME
    assert exported.about["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert exported.settings.items() <= json.loads(exported.about["settings"]).items()
    assert str(FOLDER).encode() not in exported.path.read_bytes()
    assert list(exported.path.parent.iterdir()) == [exported.path]


def test_weights_may_lie_in_a_folder_of_the_hub() -> None:
    file = ImageFusion(device="cpu").weights
    fusion = ImageFusion(file.parent, device="cpu")
    found = describe(fusion, fusion.weights, ("a", "b"), {})["weights_sha256"]
    assert found == hashlib.sha256(file.read_bytes()).hexdigest()


@needs_packages
def test_it_says_how_to_use_it(export: Export) -> None:
    import onnx

    exported = export("")
    assert EXPORTED.items() <= exported.about.items()
    graph = onnx.load(exported.path).graph
    assert [value.name for value in graph.input] == EXPORTED["sources"].split()
    for value in (*graph.input, *graph.output):
        batch, channels, height, width = value.type.tensor_type.shape.dim
        assert (batch.dim_value, channels.dim_value) == (1, int(EXPORTED["channels"]))
        assert height.dim_param != width.dim_param
        assert height.dim_param and width.dim_param


Refusal = Callable[[list[str]], str]


@pytest.fixture
def refusal() -> Refusal:
    """Return the message with which `run_export.py` refuses a command line."""

    def call(words: list[str]) -> str:
        with pytest.raises(InputError) as refused:
            run_export.main(run_export.parse_args(words))
        return str(refused.value)

    return call


def test_an_existing_file_stays(tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "method.onnx"
    path.write_bytes(b"mine")
    message = refusal(["--output", str(path)])
    assert str(path) in message
    assert "--overwrite" in message
    assert path.read_bytes() == b"mine"


def test_another_suffix_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    assert "--output ends in .onnx" in refusal(["--output", str(tmp_path / "method.pth")])


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(
    tmp_path: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    message = refusal(["--output", str(tmp_path / "method.onnx")])
    assert "needs the package onnx" in message
    assert "pip install onnx onnxscript" in message
    assert not list(tmp_path.iterdir())
