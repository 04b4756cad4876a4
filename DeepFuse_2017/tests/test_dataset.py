"""Exposure brackets become training samples, repeatably."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import utils.common.scenes
from configs import parse_args
from tests.helpers import picture, put
from tests.scenes import put_scene, put_scenes
from utils.common.scenes import Scene, read_luma
from utils.util_dataset import (
    GAMMAS,
    ExposureDataset,
    load_scenes,
    split_scenes,
)
from utils.utils import InputError

DOCUMENTED_BAR = "Statistic the over-exposure and under-exposure image list..."


def samples(dataset: ExposureDataset) -> list[torch.Tensor]:
    """Return the pairs of patches, without the means of their exposures."""
    return [dataset[i][0] for i in range(len(dataset))]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("count", "dark", "bright"),
    [
        (2, {0}, {1}),
        (3, {0}, {2}),  # the middle one is neither
        (4, {0, 1}, {2, 3}),
        (7, {0, 1, 2}, {4, 5, 6}),
    ],
)
def test_exposures_are_split_by_mean_brightness(
    tmp_path: Path, count: int, dark: set[int], bright: set[int]
) -> None:
    files = put_scene(tmp_path / "s", count=count)  # by name the brightest comes first
    [scene] = load_scenes([tmp_path])
    assert scene.files == files
    means = [scene.luma(i).mean() for i in range(count)]
    assert means == sorted(means)
    dataset = ExposureDataset([scene], 16, patches=60)
    under: set[int] = set()
    over: set[int] = set()
    for sample in samples(dataset):
        assert sample.shape == (2, 16, 16)
        assert sample.dtype == torch.float32
        assert 0 <= sample.min() < sample.max() <= 1
        assert sample[0].mean() < sample[1].mean()
        for patch, found in ((sample[0], under), (sample[1], over)):
            found |= {i for i in range(count) if is_part_of(patch, scene.luma(i))}
    assert (under, over) == (dark, bright)


def is_part_of(patch: torch.Tensor, luma: np.ndarray) -> bool:
    pixels = np.rint(patch.numpy() * 255)
    places = np.lib.stride_tricks.sliding_window_view(luma, pixels.shape)
    return bool((places == pixels).all(axis=(2, 3)).any())


def test_both_patches_are_of_one_place(tmp_path: Path) -> None:
    ramp = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    put(tmp_path / "a" / "x.png", ramp)
    put(tmp_path / "a" / "y.png", ramp + 5000)
    for under, over in samples(ExposureDataset(load_scenes([tmp_path]), 16, patches=5)):
        places = [(patch * 65535).round().int() for patch in (under, over)]
        assert (places[1] - places[0] == 5000).all()
        assert (places[0].diff(dim=0) == 50).all()
        assert (places[0].diff(dim=1) == 1).all()


def test_luma_has_the_levels_of_the_file(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16):
        pixels = picture(0, 16, 16, dtype=dtype)
        found = read_luma(put(tmp_path / "a.png", pixels))
        assert found.dtype == dtype
        expected = np.rint(pixels.astype(float) @ [0.299, 0.587, 0.114])
        assert np.abs(found - expected).max() <= 1
    gray = picture(1, 16, 16, channels=1)
    np.testing.assert_array_equal(read_luma(put(tmp_path / "b.png", gray)), gray)


def test_cache_bound_changes_no_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_scenes(tmp_path, 4, count=3)
    dataset = ExposureDataset(load_scenes([tmp_path]), 16, patches=2, augment=True, gamma=True)
    expected = samples(dataset)
    reads: list[Path] = []

    def watch(path: Path) -> np.ndarray:
        reads.append(path)
        return read_luma(path)

    monkeypatch.setattr(utils.common.scenes, "read_luma", watch)
    for kept in (0, 2, 4):
        monkeypatch.setattr(utils.common.scenes, "CACHE_BYTES", kept * 3 * 33 * 47)
        scenes = load_scenes([tmp_path])
        assert len(reads) == 4 * 3  # once each
        reads.clear()
        found = samples(ExposureDataset(scenes, 16, patches=2, augment=True, gamma=True))
        assert same(found, expected)
        assert len({path.parent for path in reads}) == 4 - kept
        reads.clear()


def test_seed_epoch_and_index_alone_decide(tmp_path: Path) -> None:
    scenes = load_scenes([put_scenes(tmp_path, 5, count=4)])
    options = {"size": 16, "patches": 2, "augment": True, "gamma": True}
    first = ExposureDataset(scenes, **options, seed=3)
    start = samples(first)
    again = ExposureDataset(scenes, **options, seed=3)
    assert same(start, [again[i][0] for i in reversed(range(len(again)))][::-1])
    first.start_epoch(1)
    assert not same(start, samples(first))
    first.start_epoch(0)
    assert same(start, samples(first))
    assert not same(start, samples(ExposureDataset(scenes, **options, seed=4)))
    assert not torch.equal(start[0], start[1])  # two patches of a scene


def test_running_workers_learn_of_a_new_epoch(tmp_path: Path) -> None:
    dataset = ExposureDataset(load_scenes([put_scenes(tmp_path, 3)]), 16)
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        dataset.start_epoch(epoch)
        assert same([pairs[0] for pairs, _ in loader], samples(dataset))


def test_augment_turns_and_mirrors_both_alike(tmp_path: Path) -> None:
    scenes = load_scenes([put_scenes(tmp_path, 1, size=(16, 16))])  # one place only
    [plain] = samples(ExposureDataset(scenes, 16))
    kinds = [
        torch.rot90(image, turns, (1, 2)) for image in (plain, plain.flip(2)) for turns in range(4)
    ]
    seen = set()
    for sample in samples(ExposureDataset(scenes, 16, patches=80, augment=True)):
        [kind] = [i for i, expected in enumerate(kinds) if torch.equal(sample, expected)]
        seen.add(kind)
    assert seen == set(range(8))


def test_gamma_varies_each_exposure_on_its_own(tmp_path: Path) -> None:
    scenes = load_scenes([put_scenes(tmp_path, 1, size=(16, 16), channels=1)])
    [plain] = samples(ExposureDataset(scenes, 16))
    inside = (plain > 0.05) & (plain < 0.95)
    powers = []
    for sample in samples(ExposureDataset(scenes, 16, patches=30, gamma=True)):
        assert 0 <= sample.min() <= sample.max() <= 1
        found = sample.log() / plain.log()
        for exposure, place in zip(found, inside, strict=True):
            values = exposure[place]
            torch.testing.assert_close(values, values[:1].expand_as(values), atol=1e-3, rtol=0)
            powers.append(float(values[0]))
    low, high = GAMMAS
    assert low - 1e-3 <= min(powers) < 0.85
    assert 1.2 < max(powers) <= high + 1e-3
    assert np.corrcoef(powers[::2], powers[1::2])[0, 1] < 0.7


def test_means_are_those_of_the_whole_exposures(tmp_path: Path) -> None:
    """A ramp of 8 bits from 0 to 239, and one that is 200 in its left half and 0 elsewhere."""
    ramp = np.tile(np.arange(240, dtype=np.uint8), (20, 1))
    half = np.where(np.arange(240) < 120, 200, 0).astype(np.uint8)
    put(tmp_path / "s" / "a.png", ramp)  # mean 119.5
    put(tmp_path / "s" / "b.png", np.tile(half, (20, 1)))  # mean 100
    [scene] = load_scenes([tmp_path])
    assert scene.means == pytest.approx([100 / 255, 119.5 / 255])
    dataset = ExposureDataset([scene], 16, patches=5, augment=True)
    for pair, means in map(dataset.__getitem__, range(5)):
        torch.testing.assert_close(means, torch.tensor([100 / 255, 119.5 / 255]))
        assert not torch.allclose(pair.mean(dim=(1, 2)), means, atol=1e-3)


def test_means_are_those_of_the_raised_exposures(tmp_path: Path) -> None:
    """One exposure is 0.8 in its left half and 0 elsewhere, the other one 0.9 everywhere."""
    half = np.where(np.arange(80) < 40, 204, 0).astype(np.uint8)
    put(tmp_path / "s" / "a.png", np.tile(half, (20, 1)))
    put(tmp_path / "s" / "b.png", np.full((20, 80), 229, np.uint8))
    dataset = ExposureDataset(load_scenes([tmp_path]), 16, patches=20, gamma=True)
    checked = 0
    for pair, means in map(dataset.__getitem__, range(20)):
        assert float(means[1]) == pytest.approx(float(pair[1, 0, 0]), abs=1e-6)
        if float(pair[0].min()) > 0:  # in the left half
            assert float(means[0]) == pytest.approx(float(pair[0, 0, 0]) / 2, abs=1e-6)
            checked += 1
    assert checked > 3


def test_means_of_stacks_belong_to_the_chosen_exposures(tmp_path: Path) -> None:
    files = put_scene(tmp_path / "s", count=5)
    known = [read_luma(path).mean() / 255 for path in files]
    [scene] = load_scenes([tmp_path])
    dataset = ExposureDataset([scene], 33, patches=20)
    for pair, means in map(dataset.__getitem__, range(20)):
        for patch, mean in zip(pair, means, strict=True):
            [index] = [i for i in range(5) if is_part_of(patch, scene.luma(i))]
            assert float(mean) == pytest.approx(known[index], abs=1e-6)


def test_unequal_sizes_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "s" / "a.png", picture(0, 33, 47))
    put(tmp_path / "s" / "b.png", picture(0, 33, 40))
    with pytest.raises(InputError, match=r"sizes differ in .*s: a.png 47x33, b"):
        load_scenes([tmp_path])


def test_identical_exposures_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        put(tmp_path / "s" / f"{name}.png", picture(0))
    [scene] = load_scenes([tmp_path], show_progress=False)
    assert f"warning: the images of {tmp_path / 's'} are identical" in capsys.readouterr().err
    [sample] = samples(ExposureDataset([scene], 16))
    assert torch.equal(sample[0], sample[1])


def test_one_exposure_is_an_error(tmp_path: Path) -> None:
    put_scenes(tmp_path, 2)
    put(tmp_path / "lonely" / "only.png", picture(0))
    with pytest.raises(InputError, match=r"scene lonely in .* has one exposure, only\.png"):
        load_scenes([tmp_path])


def test_a_patch_larger_than_a_scene_is_an_error(tmp_path: Path) -> None:
    scenes = load_scenes([put_scenes(tmp_path, 1)])
    with pytest.raises(InputError, match=r"s00 is 47x33, smaller than --crop_size 34"):
        ExposureDataset(scenes, 34)
    assert ExposureDataset(scenes, 33)[0][0].shape == (2, 33, 33)


@pytest.mark.parametrize("show", [True, False])
def test_documented_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str], show: bool) -> None:
    load_scenes([put_scenes(tmp_path, 2)], show)
    shown = capsys.readouterr().err
    assert (f"{DOCUMENTED_BAR}: 100%|" in shown) == show
    assert ("| 2/2 [" in shown) == show


def settings_of(folder: Path, *words: object) -> argparse.Namespace:
    flags = ["--image_path", folder, "--crop_size", 16, "--output", "False", *words]
    return parse_args([str(word) for word in flags])


def names_of(dataset: ExposureDataset) -> set[str]:
    return {scene.files[0].parent.name for scene in dataset.scenes}


def test_scenes_to_validate_on_are_others(tmp_path: Path) -> None:
    put_scenes(tmp_path, 10)
    names = {f"s{i:02d}" for i in range(10)}
    train, val = split_scenes(settings_of(tmp_path, "--val_fraction", 0.2, "--patches", 3))
    assert (len(train), len(val)) == (24, 6)
    assert not names_of(train) & names_of(val)
    assert names_of(train) | names_of(val) == names
    again = split_scenes(settings_of(tmp_path, "--val_fraction", 0.2, "--patches", 3))
    assert names_of(again[1]) == names_of(val)
    other = split_scenes(settings_of(tmp_path, "--val_fraction", 0.2, "--seed", 1))
    assert names_of(other[1]) != names_of(val)
    before = samples(val)
    train.start_epoch(5)
    assert same(samples(val), before)


def test_number_of_scenes(tmp_path: Path) -> None:
    put_scenes(tmp_path, 4)
    train, val = split_scenes(settings_of(tmp_path, "--val_fraction", 0))
    assert (len(train), val) == (4, None)
    train, val = split_scenes(settings_of(tmp_path, "--train_num", 2))
    assert (len(train), len(val)) == (1, 1)
    train, val = split_scenes(settings_of(tmp_path, "--train_num", 5))
    assert (len(train), len(val)) == (3, 1)  # an upper bound
    with pytest.raises(InputError, match="1 scenes are too few to split; add some, or --val_fra"):
        split_scenes(settings_of(tmp_path, "--train_num", 1))


def test_a_scene_forgets_and_still_knows(tmp_path: Path) -> None:
    scene = Scene(put_scene(tmp_path / "s", count=3))
    kept = [scene.luma(i) for i in range(3)]
    assert scene.bytes == 3 * 33 * 47
    scene.forget()
    for index, luma in enumerate(kept):
        np.testing.assert_array_equal(scene.luma(index), luma)


def test_patches_reach_every_border(tmp_path: Path) -> None:
    places = np.arange(17 * 18, dtype=np.uint16).reshape(17, 18)
    for number, name in enumerate("ab"):
        put(tmp_path / "s" / f"{name}.png", places + 1000 * number)
    found = samples(ExposureDataset(load_scenes([tmp_path]), 16, patches=60))
    first = {divmod(int((under[0, 0] * 65535).round()), 18) for under, _ in found}
    assert first == {(top, left) for top in (0, 1) for left in (0, 1, 2)}


def test_patches_to_validate_on_are_never_turned_mirrored_nor_raised(tmp_path: Path) -> None:
    put_scenes(tmp_path, 6)
    words = ("--augment", "True", "--gamma", "True", "--val_fraction", 0.5)
    train, val = split_scenes(settings_of(tmp_path, *words))
    assert train.augment
    assert train.gamma
    assert same(samples(val), samples(ExposureDataset(val.scenes, 16)))
