"""Segmenting fused images, and what is written of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair
from tests.method import random_segmenter
from utils import util_mmengine
from utils.common.checkpoint import save_weights
from utils.util_dataset import CLASSES, PALETTE
from utils.util_segment import (
    SegmentationWriter,
    Segmenter,
    color_map,
    overlay,
    segmentation_paths,
)
from utils.utils import InputError

SIZE = (40, 56)


@pytest.fixture(scope="module")
def segmenter(segmenter_weights: Path) -> Segmenter:
    return Segmenter(segmenter_weights, device="cpu")


def test_color_map() -> None:
    labels = np.array([[0, 1, 2], [8, 1, 0]], np.uint8)
    colors = color_map(labels)
    assert colors.dtype == np.uint8
    assert colors.tolist() == [
        [[0, 0, 0], [64, 0, 128], [64, 64, 0]],
        [[192, 64, 0], [64, 0, 128], [0, 0, 0]],
    ]


def test_overlay_leaves_the_background() -> None:
    image = np.full((1, 2, 3), (10, 20, 30), np.uint8)
    shown = overlay(image, np.array([[0, 1]], np.uint8))
    # half of (10, 20, 30) and half of (64, 0, 128)
    assert (shown.dtype, shown.tolist()) == (np.uint8, [[[10, 20, 30], [37, 10, 79]]])


@pytest.mark.parametrize(
    ("value", "dtype"), [(40, np.uint8), (40 * 257, np.uint16), (40 / 255, np.float32)]
)
def test_overlay_on_images_of_any_type(value: float, dtype: type) -> None:
    gray: np.ndarray = np.full((1, 2), value, dtype)
    shown = overlay(gray, np.array([[0, 8]], np.uint8))
    assert shown.dtype == np.uint8
    assert shown.tolist() == [[[40, 40, 40], [116, 52, 20]]]


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    writer = SegmentationWriter(tmp_path)
    writer.write("=1+1", picture(0, 4, 5), np.zeros((4, 5), np.uint8))
    writer.close()
    with (tmp_path / "classes.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file))[1][0] == "'=1+1"


def test_writer_draws_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "segmentation"
    writer = SegmentationWriter(folder)
    first, second = np.zeros((2, 4, 5), np.uint8)
    first[0] = 1
    first[1, 0] = 8
    second[:2] = 1
    images = {"b": picture(0, 4, 5), "a": picture(1, 4, 5, channels=1)}
    for (stem, image), labels in zip(images.items(), (first, second), strict=True):
        writer.write(stem, image, labels)
        np.testing.assert_array_equal(get(folder / f"{stem}_labels.png"), color_map(labels))
        np.testing.assert_array_equal(get(folder / f"{stem}_overlay.png"), overlay(image, labels))
    writer.close()
    assert set(folder.iterdir()) == {*segmentation_paths(folder, "ab"), folder / "classes.csv"}
    with (folder / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["image", "class", "pixels", "share"],
        ["b", "unlabeled", "14", "0.700000"],
        ["b", "car", "5", "0.250000"],
        ["b", "bump", "1", "0.050000"],
        ["a", "unlabeled", "10", "0.500000"],
        ["a", "car", "10", "0.500000"],
    ]
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[1:] == [
        ["unlabeled", "0", "0", "0", "2", "60.00%"],
        ["car", "64", "0", "128", "2", "37.50%"],
        ["bump", "192", "64", "0", "1", "2.50%"],  # of both images
        ["Segmentations:", str(folder)],
    ]


def test_segmenter_is_the_network_on_normalized_values(segmenter: Segmenter) -> None:
    image = picture(0, *SIZE)
    planes = torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)[None]
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    planes = (planes - mean) / std
    network = random_segmenter()
    with torch.no_grad():
        logits = network.decode_head(network.backbone(planes))
        logits = F.interpolate(logits, SIZE, mode="bilinear", align_corners=False)
    expected = logits.argmax(dim=1)[0]
    assert len(expected.unique()) > 1
    found = segmenter.segment(image)
    assert (found == expected.numpy()).mean() > 0.999  # ties may fall differently


@pytest.mark.parametrize("size", [(40, 56), (251, 40), (50, 333), (250, 330), (241, 321)])
def test_any_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    labels = segmenter.segment(picture(0, *size))
    assert (labels.shape, labels.dtype) == (size, np.uint8)
    assert labels.max() < len(CLASSES)
    assert len(np.unique(labels)) > 1


@pytest.mark.parametrize("size", [(2, 2), (17, 23), (28, 60), (29, 29)])
def test_images_smaller_than_a_window_of_attention(
    segmenter: Segmenter, size: tuple[int, int]
) -> None:
    labels = segmenter.segment(picture(0, *size))
    assert (labels.shape, labels.dtype) == (size, np.uint8)
    assert labels.max() < len(CLASSES)


def test_types_and_gray_images_of_equal_values(segmenter: Segmenter) -> None:
    image = picture(0, *SIZE)
    expected = segmenter.segment(image)
    for other in (image.astype(np.uint16) * 257, image / np.float32(255)):
        assert (segmenter.segment(other) == expected).mean() > 0.999
    gray = picture(0, *SIZE, channels=1)
    expected = segmenter.segment(np.dstack([gray] * 3))
    np.testing.assert_array_equal(segmenter.segment(gray), expected)


def test_authors_quirks_are_reversed_channels_in_0_to_1(segmenter_weights: Path) -> None:
    quirky = Segmenter(segmenter_weights, "cpu", authors_quirks=True)
    image = picture(0, *SIZE)
    network = random_segmenter()
    planes = torch.from_numpy(image[..., ::-1] / np.float32(255)).permute(2, 0, 1)[None]
    with torch.no_grad():
        logits = network.decode_head(network.backbone(planes))
        logits = F.interpolate(logits, SIZE, mode="bilinear", align_corners=False)
    expected = logits.argmax(dim=1)[0].numpy()
    found = quirky.segment(image)
    assert (found == expected).mean() > 0.999
    assert (found != Segmenter(segmenter_weights, "cpu").segment(image)).any()


def test_weights_without_a_whole_segmenter(tmp_path: Path, segmenter_weights: Path) -> None:
    save_weights(tmp_path / "part.safetensors", random_segmenter().decode_head, {})
    with pytest.raises(InputError, match=r"part\.safetensors does not hold a SegFormer-B0 segm"):
        Segmenter(tmp_path / "part.safetensors", "cpu")


def test_fused_and_segmented_by_one_command(
    tmp_path: Path, fuse: Call, segmenter_weights: Path, segmenter: Segmenter
) -> None:
    ir, vis = put_pair(tmp_path, "a", size=SIZE)
    output = tmp_path / "out" / "a.png"
    flags = ["--ir", ir, "--vis", vis, "--output", output]
    flags += ["--segment", "--segmenter", segmenter_weights]
    outcome = fuse(*flags)
    assert outcome.status == 0
    assert f"{segmenter_weights} segmenter loaded." in outcome.out
    folder = output.parent / "segmentation"
    assert f"Segmentations: {folder}" in outcome.out
    labels = segmenter.segment(get(output))
    np.testing.assert_array_equal(get(folder / "a_labels.png"), color_map(labels))
    np.testing.assert_array_equal(get(folder / "a_overlay.png"), overlay(get(output), labels))
    with (folder / "classes.csv").open(newline="", encoding="utf-8") as file:
        assert sum(int(row["pixels"]) for row in csv.DictReader(file)) == labels.size
    output.unlink()
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert f"{folder / 'a_labels.png'} exists; --overwrite replaces it" in outcome.err
    assert not output.exists()
    (folder / "a_labels.png").write_bytes(b"")
    assert fuse(*flags, "--overwrite", "--gray").status == 0
    assert get(folder / "a_labels.png").shape == (*SIZE, 3)


def test_a_pair_that_fails_is_not_segmented(
    tmp_path: Path, fuse: Call, segmenter_weights: Path
) -> None:
    for stem in "ab":
        put_pair(tmp_path, stem, size=SIZE)
    put(tmp_path / "ir" / "b.png", picture(0, *SIZE))
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    outcome = fuse(*flags, "--segment", "--segmenter", segmenter_weights)
    assert outcome.status == 1
    folder = tmp_path / "out" / "segmentation"
    assert set(folder.iterdir()) == {*segmentation_paths(folder, "a"), folder / "classes.csv"}


@pytest.mark.parametrize("absent", [{"mmseg"}, {"mmengine", "mmcv", "mmseg"}])
def test_mmsegmentation_is_missing(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch, absent: set[str]
) -> None:
    monkeypatch.setattr(util_mmengine, "_version_of", lambda _: None)
    monkeypatch.setattr(
        util_mmengine, "find_spec", lambda name: None if name in absent else object()
    )
    ir, vis = put_pair(tmp_path, "a", size=SIZE)
    outcome = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "out", "--segment")
    assert outcome.status == 1
    names = ", ".join(name for name in util_mmengine.NEEDED if name in absent)
    assert f"error: this needs mmsegmentation ({names} not found): pip install -e" in outcome.err
    assert not (tmp_path / "out").exists()
    assert fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "out").status == 0


def test_openmmlabs_own_packages_are_in_the_way(
    tmp_path: Path, fuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"mmcv-full": "1.5.0", "mmsegmentation": "0.24.1"}
    monkeypatch.setattr(util_mmengine, "_version_of", found.get)
    ir, vis = put_pair(tmp_path, "a", size=SIZE)
    outcome = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "out", "--segment")
    assert outcome.status == 1
    assert "own packages are installed (mmcv-full 1.5.0, mmsegmentation 0.24.1)" in outcome.err
    assert "pip uninstall -y mmcv-full mmsegmentation onedl-mmengine" in outcome.err
    assert "then pip install -e mmseg_bffr" in outcome.err


def test_classes_match_the_networks_outputs(segmenter: Segmenter) -> None:
    assert segmenter.model.decode_head.conv_seg.out_channels == len(CLASSES) == len(PALETTE)


def test_a_segmenter_without_segmenting_is_refused(fuse: Call, tmp_path: Path) -> None:
    ir, vis = put_pair(tmp_path, "a")
    answer = fuse("--ir", ir, "--vis", vis, "--segmenter", tmp_path / "s.safetensors")
    assert answer.status == 1
    assert "--segmenter needs --segment" in answer.err
