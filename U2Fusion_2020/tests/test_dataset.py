"""Pairs of every task become training samples, repeatably."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from configs import parse_args
from tests.helpers import get, picture, put, put_pair, put_photos
from tests.method import put_set
from tests.scenes import put_couple, put_scene, put_scenes
from utils.common.scenes import Scene
from utils.util_dataset import FOLDERS, TASKS, PatchDataset, find_task_scenes, split_task
from utils.util_focus import Photograph
from utils.utils import InputError


def samples(dataset: PatchDataset) -> list[torch.Tensor]:
    return [dataset[i]["sources"] for i in range(len(dataset))]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def find(task: str, *folders: Path, flag: str = "--image_path") -> list[Scene]:
    return find_task_scenes(task, folders, flag)


def stems(scenes: Sequence[Scene]) -> list[list[str]]:
    return [sorted(f"{f.parent.name}/{f.stem}" for f in scene.files) for scene in scenes]


NAMES = [(task, *pair) for task, kinds in FOLDERS.items() for pair in zip(*kinds, strict=False)]
NAMES += [("ivif", "vis", "ir"), ("ivif", "rgb", "thermal"), ("ivif", "vis_images", "inf_images")]


@pytest.mark.parametrize(("task", "first", "second"), NAMES)
@pytest.mark.parametrize("change", [str.upper, str.title])
def test_usual_names_of_the_two_folders(
    tmp_path: Path, task: str, first: str, second: str, change: object
) -> None:
    folders = [tmp_path / "set" / change(name) for name in (first, second)]
    for number, folder in enumerate(folders):
        for stem in ("p", "q"):
            put(folder / f"{stem}.png", picture(number, 12, 12))
    (tmp_path / "set" / "labels").mkdir()  # is none of them
    expected = [[f"{f.name}/{stem}" for f in sorted(folders)] for stem in ("p", "q")]
    assert stems(find(task, tmp_path / "set")) == expected
    assert stems(find(task, *folders)) == expected
    assert stems(find(task, *folders[::-1])) == expected


def test_stems_of_infrared_and_visible_may_carry_a_mark(tmp_path: Path) -> None:
    put(tmp_path / "vis" / "VIS1.png", picture(0, 12, 12))
    put(tmp_path / "ir" / "IR1.bmp", picture(1, 12, 12))
    assert stems(find("ivif", tmp_path)) == [["ir/IR1", "vis/VIS1"]]


def test_scenes_of_exposures(tmp_path: Path) -> None:
    put_scenes(tmp_path / "scenes", 2, count=3)
    put_scene(tmp_path / "alone", 5)
    put_couple(tmp_path / "couples", "a")
    found = find("mef", tmp_path / "scenes", tmp_path / "alone", tmp_path / "couples")
    three = [[f"s0{n}/{stem}" for stem in "xyz"] for n in range(2)]
    assert stems(found) == [*three, ["alone/y", "alone/z"], ["over/a", "under/a"]]


def test_photographs_for_pairs_to_be_made(tmp_path: Path) -> None:
    put_photos(tmp_path / "photos", 2)
    for name in ("near", "far"):
        put(tmp_path / "made" / name / "a.png", picture(0, 40, 30))
    found = find("mff", tmp_path / "photos", tmp_path / "made")
    assert [type(scene) for scene in found] == [Photograph, Photograph, Scene]
    for sample in samples(PatchDataset(found, 24)):
        assert sample.shape == (2, 24, 24)


def test_no_such_layout(tmp_path: Path) -> None:
    put_pair(tmp_path / "set", "a")
    (tmp_path / "empty").mkdir()
    expected = {
        "mff": "near/<stem>.png and far/<stem>.png",
        "ivif": "ir/<name>.png with vis/",
    }
    for task, folder in (("mff", tmp_path / "set"), ("ivif", tmp_path / "empty")):
        with pytest.raises(InputError) as caught:
            find(task, folder, flag=f"--{task}_path")
        assert f"{folder} (--{task}_path)" in str(caught.value)
        assert expected[task] in str(caught.value)
    for task in TASKS:
        for absent in (tmp_path / "absent", tmp_path / "set" / "vis" / "a.png"):
            with pytest.raises(InputError, match=rf"no folder {absent} \(--image_path\)"):
                find(task, absent)


def test_two_folders_of_one_kind(tmp_path: Path) -> None:
    put_pair(tmp_path, "a")
    put(tmp_path / "RGB" / "a.png", picture(0))
    with pytest.raises(InputError) as caught:
        find("ivif", tmp_path)
    both = f"{tmp_path / 'RGB'}, {tmp_path / 'vis'} (--image_path) are of one kind; give one"
    assert both in str(caught.value)
    assert len(find("ivif", tmp_path / "RGB", tmp_path / "ir")) == 1


@pytest.mark.parametrize("task", ["ivif", "mef", "mff"])
def test_an_image_without_partner(tmp_path: Path, task: str) -> None:
    """The message names flags of the training, not those of fusing."""
    names = FOLDERS.get(task, (["vis"], ["ir"]))
    first, second = (tmp_path / names[kind][0] for kind in (0, 1))
    for folder in (first, second):
        put(folder / "a.png", picture(0))
    put(second / "lonely.png", picture(0))
    with pytest.raises(InputError) as caught:
        find(task, tmp_path, flag=f"--{task}_path")
    message = str(caught.value)
    assert f"1 of 2 images in {second} (" in message
    assert "lonely.png" in message
    words = [word.strip("(),;") for word in message.split()]
    flags = {word for word in words if word.startswith("--")}
    assert flags == {f"--{task}_path"}


def test_an_empty_folder_of_a_set(tmp_path: Path) -> None:
    put_pair(tmp_path, "a")
    (tmp_path / "ir" / "a.png").unlink()
    with pytest.raises(InputError, match=rf"no image in {tmp_path / 'ir'} \(--image_path\)"):
        find("ivif", tmp_path)


def test_unequal_sizes(tmp_path: Path) -> None:
    put_pair(tmp_path, "a")
    put(tmp_path / "ir" / "a.png", picture(0, 20, 31))
    with pytest.raises(InputError, match=r"sizes differ .* a\.png 47x33, a\.png 31x20"):
        find("ivif", tmp_path)


def test_both_patches_are_of_one_place(tmp_path: Path) -> None:
    ramp = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    put(tmp_path / "vis" / "a.png", ramp)
    put(tmp_path / "ir" / "a.png", ramp + 5000)
    for first, second in samples(PatchDataset(find("ivif", tmp_path), 16, patches=5)):
        places = [(patch * 65535).round().int() for patch in (first, second)]
        assert (places[1] - places[0] == 5000).all()
        assert (places[0].diff(dim=0) == 50).all()
        assert (places[0].diff(dim=1) == 1).all()


@pytest.fixture
def scenes(tmp_path: Path) -> list[Scene]:
    """Pairs, exposures and photographs."""
    return [
        *find("ivif", put_set(tmp_path / "ivif", "ivif", 2)),
        *find("mef", put_scenes(tmp_path / "mef", 2, count=5)),
        *find("mff", put_set(tmp_path / "mff", "mff", 2)),
    ]


VARIED = {"size": 16, "patches": 15, "augment": True, "swap": True}


def test_seed_epoch_and_index_alone_decide(scenes: list[Scene]) -> None:
    dataset = PatchDataset(scenes, **VARIED, seed=3)
    start = samples(dataset)
    again = PatchDataset(scenes, **VARIED, seed=3)
    backwards = [again[i]["sources"] for i in reversed(range(len(again)))]
    assert same(start, backwards[::-1])
    dataset.start_epoch(1)
    assert not any(torch.equal(a, b) for a, b in zip(start, samples(dataset), strict=True))
    dataset.start_epoch(0)
    assert same(start, samples(dataset))
    assert not same(start, samples(PatchDataset(scenes, **VARIED, seed=4)))
    assert not torch.equal(start[0], start[6])  # two patches of a scene
    for sample in start:
        assert (sample.shape, sample.dtype) == ((2, 16, 16), torch.float32)
        assert 0 <= sample.min() < sample.max() <= 1


def test_running_workers_learn_of_a_new_epoch(scenes: list[Scene]) -> None:
    dataset = PatchDataset(scenes, **VARIED)
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        dataset.start_epoch(epoch)
        assert same([batch["sources"][0] for batch in loader], samples(dataset))


def test_fixed_patches_stay_the_same_but_for_their_order(scenes: list[Scene]) -> None:
    fixed = PatchDataset(scenes, **VARIED, fixed=True, seed=3)
    start = samples(fixed)
    assert same(samples(PatchDataset(scenes, **VARIED, seed=3)), start)  # those of epoch 0
    exchanged = 0
    for epoch in range(1, 5):
        fixed.start_epoch(epoch)
        for now, first in zip(samples(fixed), start, strict=True):
            assert torch.equal(now, first) or torch.equal(now, first.flip(0))
            exchanged += torch.equal(now, first.flip(0))
    assert 15 < exchanged < 45  # of 60


def test_weights_follow_their_sources(scenes: list[Scene]) -> None:
    fixed = PatchDataset(scenes, **VARIED, fixed=True)
    assert "weights" not in fixed[0]
    means = [fixed.patch(index).mean(dim=(1, 2)) for index in range(15)]
    fixed.weights = torch.stack(means)  # any numbers by which a source is known
    for epoch in range(3):
        fixed.start_epoch(epoch)
        for index in range(15):
            sample = fixed[index]
            assert torch.equal(sample["weights"], sample["sources"].mean(dim=(1, 2)))
    assert torch.equal(fixed.weights, torch.stack(means))


def test_patches_go_round_the_scenes(scenes: list[Scene]) -> None:
    assert len(PatchDataset(scenes, 16)) == 6
    dataset = PatchDataset(scenes, 16, patches=9)
    assert len(dataset) == len(samples(dataset)) == 9
    for index in (0, 1, 6, 7):  # pairs of files
        for image, patch in zip(scenes[index % 6].files, dataset[index]["sources"], strict=True):
            luma = get(image) @ [0.299, 0.587, 0.114] if get(image).ndim == 3 else get(image)
            places = np.lib.stride_tricks.sliding_window_view(np.rint(luma), (16, 16))
            assert (np.abs(places - 255 * patch.numpy()) <= 1.01).all(axis=(2, 3)).any()


def test_swap_exchanges_about_half(tmp_path: Path) -> None:
    scenes = find("mef", put_scenes(tmp_path, 1, size=(16, 16)))  # one place only
    [plain] = samples(PatchDataset(scenes, 16))
    assert plain[0].mean() < plain[1].mean()
    found = samples(PatchDataset(scenes, 16, patches=60, swap=True))
    swapped = [torch.equal(sample, plain.flip(0)) for sample in found]
    assert all(s or torch.equal(x, plain) for s, x in zip(swapped, found, strict=True))
    assert 15 < sum(swapped) < 45
    for sample in samples(PatchDataset(scenes, 16, patches=20)):
        assert torch.equal(sample, plain)


def test_augment_turns_and_mirrors_both_alike(tmp_path: Path) -> None:
    scenes = find("mef", put_scenes(tmp_path, 1, size=(16, 16)))
    [plain] = samples(PatchDataset(scenes, 16))
    kinds = [torch.rot90(x, turns, (1, 2)) for x in (plain, plain.flip(2)) for turns in range(4)]
    seen = set()
    for sample in samples(PatchDataset(scenes, 16, patches=80, augment=True)):
        [kind] = [i for i, expected in enumerate(kinds) if torch.equal(sample, expected)]
        seen.add(kind)
    assert seen == set(range(8))


def test_a_patch_larger_than_a_scene(tmp_path: Path) -> None:
    scenes = find("ivif", put_set(tmp_path / "set", count=1))
    with pytest.raises(InputError, match=r"p00\.png is 47x33, smaller than --crop_size 34"):
        PatchDataset(scenes, 34)
    assert PatchDataset(scenes, 33)[0]["sources"].shape == (2, 33, 33)


def settings_of(*words: object) -> argparse.Namespace:
    flags = ["--crop_size", 16, "--output", "False", *words]
    return parse_args([str(word) for word in flags])


def names_of(dataset: PatchDataset) -> set[str]:
    return {scene.files[0].stem for scene in dataset.scenes}


@pytest.mark.parametrize("task", ["ivif", "mff"])
def test_scenes_to_validate_on_are_others(tmp_path: Path, task: str) -> None:
    folders = [put_set(tmp_path / "set", task, 10)]
    words = ("--val_fraction", 0.2)
    train, val = split_task(task, folders, settings_of(*words, "--patches", 24))
    assert (len(train), len(val)) == (24, 6)
    assert (len(names_of(train)), len(names_of(val))) == (8, 2)
    assert not names_of(train) & names_of(val)
    again = split_task(task, folders, settings_of(*words))
    assert (len(again[0]), len(again[1])) == (8, 2)
    assert names_of(again[1]) == names_of(val)
    others = [split_task(task, folders, settings_of("--seed", s)) for s in (1, 2, 3)]
    assert any(names_of(other[1]) - names_of(val) for other in others)
    before = samples(val)
    val.start_epoch(5)
    assert same(samples(val), before)  # not exchanged either


def test_flags_of_the_data_reach_it(tmp_path: Path) -> None:
    folders = [put_set(tmp_path / "set", "mef", 4, size=(16, 16))]
    quiet = settings_of("--patches", 40, "--val_fraction", 0)
    [turned, plain] = [
        split_task("mef", folders, argparse.Namespace(**{**vars(quiet), **changed}))[0]
        for changed in ({"augment": True}, {})
    ]
    assert len(plain) == 40

    def kinds(dataset: PatchDataset) -> int:
        return len({tuple(x.flatten().tolist()) for x in samples(dataset)})

    assert kinds(plain) == 4 * 2  # swapped or not
    assert kinds(turned) > 8


@pytest.mark.parametrize("fresh", [False, True])
def test_patches_are_fixed_unless_fresh_ones_are_wanted(tmp_path: Path, fresh: bool) -> None:
    folders = [put_set(tmp_path / "set", count=4)]
    for dataset in split_task("ivif", folders, settings_of("--fresh_patches", fresh)):
        start = [dataset.patch(index) for index in range(len(dataset))]
        dataset.start_epoch(5)
        now = [dataset.patch(index) for index in range(len(dataset))]
        changes = fresh and len(dataset) > 1  # the one to validate on never does
        assert same(now, start) is not changes


def test_number_of_pairs(tmp_path: Path) -> None:
    folders = [put_set(tmp_path / "set", count=4)]
    train, val = split_task("ivif", folders, settings_of("--val_fraction", 0))
    assert (len(train), val) == (4, None)
    train, val = split_task("ivif", folders, settings_of("--train_num", 2, "--val_fraction", 0.01))
    assert (len(train), len(val)) == (1, 1)
    train, val = split_task("ivif", folders, settings_of("--train_num", 5, "--val_fraction", 0.01))
    assert (len(train), len(val)) == (3, 1)  # an upper bound
    with pytest.raises(InputError, match="1 ivif pairs are too few to split; add some, or --val"):
        split_task("ivif", folders, settings_of("--train_num", 1))


@pytest.mark.parametrize("show", [True, False])
def test_progress_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str], show: bool) -> None:
    find_task_scenes("mff", [put_photos(tmp_path, 2)], show_progress=show)
    shown = capsys.readouterr().err
    assert ("Reading mff pairs...: 100%|" in shown) == show
    assert ("| 2/2 [" in shown) == show


def test_patches_reach_every_border(tmp_path: Path) -> None:
    places = np.arange(17 * 18, dtype=np.uint16).reshape(17, 18)
    for number, name in enumerate(("vis", "ir")):
        put(tmp_path / name / "a.png", places + 1000 * number)
    found = samples(PatchDataset(find("ivif", tmp_path), 16, patches=60))
    first = {divmod(int((visible[0, 0] * 65535).round()), 18) for visible, _ in found}
    assert first == {(top, left) for top in (0, 1) for left in (0, 1, 2)}


def test_patches_to_validate_on_are_never_turned_nor_mirrored(tmp_path: Path) -> None:
    folders = [put_set(tmp_path / "set", "ivif", 10)]
    words = ("--val_fraction", 0.5, "--augment", "True")
    train, val = split_task("ivif", folders, settings_of(*words))
    assert train.augment
    assert same(samples(val), samples(PatchDataset(val.scenes, 16, fixed=True)))
