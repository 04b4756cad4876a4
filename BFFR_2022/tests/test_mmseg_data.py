"""The data registered with mmsegmentation: order of draws, augmentations and labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.registry import DATA_SAMPLERS, DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

import mmseg_bffr  # noqa: F401 - registers what is tested
from tests.helpers import get
from tests.method import put_labeled_set
from utils.util_dataset import CLASSES
from utils.util_mmengine import STAGE2, load_config
from utils.utils import InputError

SIZE = (32, 48)


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope("mmseg")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return put_labeled_set(tmp_path / "set")


def dataset_of(data: Path, **settings: Any) -> Any:
    pipeline = load_config(STAGE2).train_dataloader.dataset.pipeline
    next(step for step in pipeline if step.type == "RandomCrop").crop_size = SIZE
    options = {"split": "train", "pipeline": pipeline, **settings}
    return DATASETS.build({"type": "MFNet", "data_root": str(data), **options})


def test_draws_are_the_same_whatever_loads_them(data: Path) -> None:
    dataset = dataset_of(data, seed=3)
    draws = [0, 7, 5, 1]
    alone = [dataset[draw]["inputs"] for draw in draws]
    loader = DataLoader(
        dataset, sampler=draws, num_workers=2, batch_size=2, collate_fn=pseudo_collate
    )
    loaded = [image for batch in loader for image in batch["inputs"]]
    assert all(torch.equal(one, other) for one, other in zip(alone, loaded, strict=True))


def test_draws_differ_by_epoch_and_seed(data: Path) -> None:
    dataset = dataset_of(data, seed=3)
    first, again, later = (dataset[draw]["inputs"] for draw in (0, 0, len(dataset)))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, dataset_of(data, seed=4)[0]["inputs"])


def test_sampler_takes_each_sample_once_an_epoch_and_skips(data: Path) -> None:
    dataset = dataset_of(data)
    sampler = DATA_SAMPLERS.build({"type": "SeededSampler", "dataset": dataset, "seed": 0})
    length = len(dataset)
    order = iter(sampler)
    draws = [next(order) for _ in range(2 * length)]
    assert sorted(draws) == list(range(2 * length))
    assert sorted(draws[:length]) == list(range(length))
    resumed = DATA_SAMPLERS.build({"type": "SeededSampler", "dataset": dataset, "seed": 0})
    resumed.skip(3)
    assert [next(iter(resumed)) for _ in range(1)] == [draws[3]]


def test_dropped_classes_become_background(data: Path) -> None:
    plain = [{"type": "LoadLabeledPair"}]
    whole, dropped = (
        dataset_of(data, pipeline=plain, drop_class=names) for names in ([], ["person"])
    )
    for index in range(len(whole)):
        label = whole[index]["gt_seg_map"]
        assert 2 in label
        expected = np.where(label == CLASSES.index("person"), 0, label)
        np.testing.assert_array_equal(dropped[index]["gt_seg_map"], expected)
    with pytest.raises(InputError, match="drop_class dog"):
        dataset_of(data, drop_class=["dog"])


def test_several_sets_are_one(data: Path, tmp_path: Path) -> None:
    other = put_labeled_set(tmp_path / "other")
    both = dataset_of(data, data_root=[str(data), str(other)])
    assert len(both) == 2 * len(dataset_of(data))


def test_pair_and_label_are_moved_together(data: Path) -> None:
    """Where infrared shows the label, it still does after resizing, cropping and flipping."""
    dataset = dataset_of(data)
    loaded = dataset_of(data, pipeline=[{"type": "LoadLabeledPair"}])[0]
    loaded["gt_seg_map"][:, 20:] = 3
    loaded["gt_seg_map"][:, :20] = 0
    loaded["img"][..., 3] = loaded["gt_seg_map"] * 80
    steps = [step for step in dataset.pipeline.transforms[1:] if "Photo" not in type(step).__name__]
    np.random.seed(0)
    for step in steps[:-1]:
        loaded = step(loaded)
    nearest = np.rint(loaded["img"][..., 3] / 80)
    assert loaded["img"].shape == (*SIZE, 4)
    assert (nearest == loaded["gt_seg_map"]).mean() > 0.95  # but at edges, which are interpolated


def test_photometric_distortion_draws_for_each_modality() -> None:
    distort = TRANSFORMS.build({"type": "PairPhotoMetricDistortion"})
    image = np.random.default_rng(0).integers(60, 200, (8, 8, 4), dtype=np.uint8)
    changed = set()
    for seed in range(30):
        np.random.seed(seed)
        found = distort({"img": image.copy()})["img"]
        assert found.dtype == np.uint8
        same = found == image
        changed.add((not same[..., :3].all(), not same[..., 3].all()))
    assert changed >= {(True, False), (True, True)}


def test_infrared_keeps_its_order_of_values() -> None:
    distort = TRANSFORMS.build({"type": "PairPhotoMetricDistortion"})
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 4, axis=2)
    for seed in range(10):
        np.random.seed(seed)
        assert (np.diff(distort({"img": ramp})["img"][0, :, 3].astype(int)) >= 0).all()


def test_labels_of_a_set_are_what_its_files_hold(data: Path) -> None:
    sample = dataset_of(data, pipeline=[{"type": "LoadLabeledPair"}])[0]
    np.testing.assert_array_equal(sample["gt_seg_map"], get(Path(sample["seg_map_path"])))
