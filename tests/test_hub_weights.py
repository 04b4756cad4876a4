"""Weights as Hugging Face's hub lays them out: the cards' Python code loads and uses them."""

import hashlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import hubconf

hub = pytest.importorskip("huggingface_hub")

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(file.parent for file in ROOT.glob("*_20[0-9][0-9]/weights/*/model.safetensors"))
SEGMENTER = ROOT / "BFFR_2022" / "weights" / "segmenter"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PUBLISHED = re.compile(r"USER/[\w-]+")  # the name that a card's weights have on the hub
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
ROWS, COLUMNS = 40, 56

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(f"a connection to {args[1:]}")

    monkeypatch.setattr("socket.socket.connect", refuse)


def sources() -> dict[str, Any]:
    """Return the inputs that the cards name: images in [0, 1], and one scaled for a segmenter."""
    blocks = np.random.default_rng(5).random((ROWS // 8, COLUMNS // 8, 3), dtype=np.float32)
    color = np.kron(blocks, np.ones((8, 8, 1), np.float32))
    images = {"visible": color, "infrared": 1 - color[..., 1], "under": color**2, "over": color}
    normalized = torch.from_numpy((color - MEAN) / STD).float().permute(2, 0, 1)[None]
    return {**images, "fused": color, "normalized": normalized}


def run_card(folder: Path) -> list[dict[str, Any]]:
    """Run each block of Python code in a folder's card and return the names that it defines."""
    found = []
    for block in PYTHON.findall((folder / "README.md").read_text("utf-8")):
        code = PUBLISHED.sub(folder.as_posix(), block)
        names = {"__name__": "card", **sources()}
        with hubconf._only(folder.parents[1]), torch.no_grad():
            exec(code.replace("PATH_OF_THE_REPOSITORY", ROOT.as_posix()), names)
        found.append(names)
    return found


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(found) == set(expected)
    for name, value in found.items():
        assert torch.equal(value, expected[name].to(value.dtype)), name


@each
def test_the_hubs_library_loads_and_saves_the_weights(folder: Path, tmp_path: Path) -> None:
    network = run_card(folder)[0]["network"]
    assert_equal(network.state_dict(), load_file(folder / "model.safetensors"))
    network.save_pretrained(tmp_path)
    config, saved = (
        json.loads((at / "config.json").read_text("utf-8")) for at in (folder, tmp_path)
    )
    assert saved == config
    assert {"self", *config} == set(inspect.signature(type(network).__init__).parameters)
    assert_equal(type(network).from_pretrained(tmp_path).state_dict(), network.state_dict())


@each
def test_the_card_gives_the_same_by_both_ways(folder: Path) -> None:
    first, second = run_card(folder)
    if folder != SEGMENTER:
        assert first["fused"].shape == (ROWS, COLUMNS, 3)
        np.testing.assert_allclose(first["fused"], second["fused"], rtol=0, atol=1e-5)
        assert first["fused"].std() > 0.05
        return
    scores = F.interpolate(first["logits"], (ROWS, COLUMNS), mode="bilinear")
    np.testing.assert_array_equal(scores[0].argmax(dim=0), second["labels"])


@each
def test_metadata_of_the_card(folder: Path) -> None:
    data = hub.ModelCard.load(folder / "README.md").data
    kinds = {"mit": "image-to-image", "cc-by-nc-4.0": "image-segmentation"}
    assert kinds[data.license] == data.pipeline_tag
    assert (data.license == "cc-by-nc-4.0") == (folder == SEGMENTER)
    assert (data.library_name, data.tags[-1]) == ("pytorch", "pytorch_model_hub_mixin")


@each
def test_checksum_is_in_the_table(folder: Path) -> None:
    table = (folder.parent / "README.md").read_text("utf-8").splitlines()
    [row] = [
        line for line in table if line.startswith(f"| [{folder.name}]({folder.name}/README.md)")
    ]
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() in row


def test_each_method_ships_weights() -> None:
    assert {folder.parents[1] for folder in FOLDERS} == set(ROOT.glob("*_20[0-9][0-9]"))
