# From common_code/photographs/tests/common/test_dataset.py; edit it there, then tools/sync.py.
"""Photographs become training samples, repeatably."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from configs import parse_args
from tests.helpers import picture, put, put_photos
from utils.util_dataset import PhotoDataset, split_photos
from utils.utils import InputError


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return sorted(put_photos(tmp_path / "photos", 6).iterdir())


@pytest.mark.parametrize("sampling", ["resize", "crop"])
@pytest.mark.parametrize("gray", [True, False])
@pytest.mark.parametrize("side", [16, 35, 64])  # below, between and above the photographs' sides
def test_sample_shape_and_range(photos: list[Path], sampling: str, gray: bool, side: int) -> None:
    sample = PhotoDataset(photos, gray, side, sampling)[0]
    assert sample.shape == (1 if gray else 3, side, side)
    assert sample.dtype == torch.float32
    assert 0 <= sample.min() < sample.max() <= 1


def test_gray_sample_is_the_luma(tmp_path: Path) -> None:
    pixels = picture(0, 16, 16)
    path = put(tmp_path / "a.png", pixels)
    luma = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(PhotoDataset([path], True, 16)[0][0], luma, atol=1e-6)
    color = PhotoDataset([path], False, 16)[0]
    np.testing.assert_allclose(color, pixels.transpose(2, 0, 1) / np.float32(255), atol=1e-6)


def test_gray_photograph_serves_an_rgb_network(tmp_path: Path) -> None:
    pixels = picture(0, 16, 16, channels=1, dtype=np.uint16)
    sample = PhotoDataset([put(tmp_path / "a.png", pixels)], False, 16)[0]
    for channel in sample:
        np.testing.assert_allclose(channel, pixels / np.float32(65535), atol=1e-7)


def test_resize_takes_the_whole_image_and_crop_a_part_of_it(tmp_path: Path) -> None:
    pixels = np.zeros((64, 32), np.uint8)
    pixels[:, 16:] = 200
    path = put(tmp_path / "a.png", pixels)
    resized = PhotoDataset([path], True, 16, "resize")[0][0].numpy() * 255
    assert (resized[:, :8] == 0).all()
    assert (resized[:, 8:].round() == 200).all()
    gradient = put(tmp_path / "b.png", np.arange(64 * 48, dtype=np.uint16).reshape(64, 48))
    cut = PhotoDataset([gradient], True, 16, "crop")[0][0] * 65535
    steps = cut.round().int()
    assert (steps.diff(dim=1) == 1).all()
    assert (steps.diff(dim=0) == 48).all()


def crops(dataset: PhotoDataset) -> list[torch.Tensor]:
    return [dataset[i] for i in range(len(dataset))]


def test_crop_depends_on_seed_epoch_and_index_alone(photos: list[Path]) -> None:
    first = PhotoDataset(photos, True, 16, "crop", flip=True, seed=3)
    start = crops(first)
    again = PhotoDataset(photos, True, 16, "crop", flip=True, seed=3)
    backwards = [again[i] for i in reversed(range(len(again)))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(start, backwards, strict=True))
    first.start_epoch(1)
    assert not all(torch.equal(a, b) for a, b in zip(start, crops(first), strict=True))
    first.start_epoch(0)
    assert all(torch.equal(a, b) for a, b in zip(start, crops(first), strict=True))
    other = PhotoDataset(photos, True, 16, "crop", flip=True, seed=4)
    assert not all(torch.equal(a, b) for a, b in zip(start, crops(other), strict=True))


def test_flip_mirrors_some_samples(photos: list[Path]) -> None:
    plain, flipped = PhotoDataset(photos, size=16), PhotoDataset(photos, size=16, flip=True)
    mirrored = [torch.equal(f, p.flip(-1)) for p, f in zip(plain, flipped, strict=True)]
    kept = [torch.equal(f, p) for p, f in zip(plain, flipped, strict=True)]
    assert any(mirrored)
    assert any(kept)
    assert all(m or k for m, k in zip(mirrored, kept, strict=True))


def test_running_workers_learn_of_a_new_epoch(photos: list[Path]) -> None:
    dataset = PhotoDataset(photos, True, 16, "crop")
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        dataset.start_epoch(epoch)
        for found, expected in zip(loader, crops(dataset), strict=True):
            assert torch.equal(found[0], expected)


def split(*words: object) -> list[list[Path]]:
    """Return the files to train on and those to validate on, under some flags."""
    train, val = split_photos(parse_args([str(word) for word in words]))
    return [train.files, val.files if val else []]


def test_split_is_disjoint_complete_and_repeatable(photos: list[Path]) -> None:
    folder = photos[0].parent
    flags = ("--image_path", folder, "--val_fraction", 0.34)
    train, val = split(*flags, "--seed", 1)
    assert (len(train), len(val)) == (4, 2)
    assert sorted(train + val) == photos
    assert split(*flags, "--seed", 1) == [train, val]
    assert split(*flags, "--seed", 2) != [train, val]
    whole = ("--image_path", folder, folder, "--val_fraction", 0)
    assert [len(files) for files in split(*whole)] == [12, 0]
    assert [len(files) for files in split(*whole, "--train_num", 3)] == [3, 0]
    assert [len(files) for files in split(*whole, "--train_num", 13)] == [12, 0]


def test_unreadable_photograph_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_text("not an image")
    with pytest.raises(InputError, match=r"broken\.png"):
        PhotoDataset([path], size=16)[0]


def test_downscaling_averages_areas(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96), np.uint8)  # nothing is smooth
    path = put(tmp_path / "a.png", pixels)
    means = pixels.reshape(16, 4, 16, 6).mean(axis=(1, 3))
    found = PhotoDataset([path], True, 16, "resize")[0][0].numpy() * 255
    np.testing.assert_allclose(found, means, atol=0.51)


def test_crops_reach_every_border(tmp_path: Path) -> None:
    places = put(tmp_path / "a.png", np.arange(17 * 18, dtype=np.uint16).reshape(17, 18))
    dataset = PhotoDataset([places], True, 16, "crop")
    first = []
    for epoch in range(60):
        dataset.start_epoch(epoch)
        sample = (dataset[0][0] * 65535).round().int()
        first.append(divmod(int(sample[0, 0]), 18))
        assert divmod(int(sample[-1, -1]), 18) == (first[-1][0] + 15, first[-1][1] + 15)
    assert set(first) == {(top, left) for top in (0, 1) for left in (0, 1, 2)}


def test_samples_to_validate_on_are_never_mirrored_nor_change(photos: list[Path]) -> None:
    folder = str(photos[0].parent)
    flags = ["--image_path", folder, "--crop_size", "16", "--flip", "--val_fraction", "0.5"]
    for sampling in ("resize", "crop"):
        train, val = split_photos(parse_args([*flags, "--sampling", sampling]))
        assert train.flip
        plain = crops(PhotoDataset(val.files, True, 16, sampling))
        for epoch in range(4):
            train.start_epoch(epoch)
            assert all(torch.equal(a, b) for a, b in zip(crops(val), plain, strict=True))
