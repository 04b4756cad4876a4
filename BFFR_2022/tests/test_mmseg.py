"""What is registered with mmsegmentation: data, transforms, metric and the two networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader

import mmseg_bffr  # noqa: F401 - registers what is tested
from tests.helpers import get
from tests.method import put_labeled_set
from utils.common.color import luma
from utils.util_dataset import CLASSES
from utils.util_loss import average_loss, correlation_loss
from utils.util_mmengine import STAGE1, STAGE2, load_config
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


def joint(**settings: Any) -> Any:
    config = load_config(STAGE2)
    config.model.update(pretrained_fuser=None, pretrained_segmenter=None, **settings)
    config.model.data_preprocessor.size = SIZE
    return MODELS.build(config.model)


def batch(count: int = 2) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.randint(0, 256, (4, *SIZE), dtype=torch.uint8, generator=generator)
        for _ in range(count)
    ]
    samples = []
    for _ in range(count):
        sample = SegDataSample(metainfo={"img_shape": SIZE, "ori_shape": SIZE, "pad_shape": SIZE})
        label = torch.randint(0, 4, (1, *SIZE), generator=generator)
        sample.set_data({"gt_sem_seg": PixelData(data=label)})
        samples.append(sample)
    return {"inputs": images, "data_samples": samples}


# ---------------------------------------------------------------- data


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


# ---------------------------------------------------------------- metric


def score(predicted: list[list[int]], labels: list[list[int]]) -> dict[str, float]:
    metric = METRICS.build({"type": "MeanIoU", "iou_metrics": ["mIoU"]})
    metric.dataset_meta = {"classes": CLASSES}
    samples = [
        {
            "pred_sem_seg": {"data": torch.tensor([found])},
            "gt_sem_seg": {"data": torch.tensor([label])},
        }
        for found, label in zip(predicted, labels, strict=True)
    ]
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_iou_sums_over_the_set_and_both_means_are_over_the_same_classes() -> None:
    # Car: 2 of the 4 pixels of the union over both images, 2 of 3 labelled ones; person: 1 of 1;
    # a bike is only predicted; background: 2 of 5, and of 4.
    found = score([[1, 1, 0, 3], [1, 2, 0, 0]], [[1, 1, 1, 0], [0, 2, 0, 0]])
    assert found["mIoU"] == 47.5  # (40 + 50 + 100 + 0) / 4
    assert found["mIoU_without_background"] == 50.0
    assert found["mAcc"] == 54.17  # (50 + 200 / 3 + 100 + 0) / 4
    assert found["mAcc_without_background"] == 55.56
    assert found["aAcc"] == 62.5


def test_mean_with_the_background_is_the_official_code_s() -> None:
    """That is mmsegmentation's own: nanmean of intersection over union, class by class."""
    generator = np.random.default_rng(0)
    predicted, labels = generator.integers(0, 6, (2, 3, 40))
    labels[labels == 5] = 255  # so that class 5 is only predicted
    known = labels != 255
    with np.errstate(invalid="ignore"):
        iou = [
            np.float64(((predicted == c) & (labels == c)).sum())
            / (((predicted == c) & known) | (labels == c)).sum()
            for c in range(9)
        ]
    found = score(predicted.tolist(), labels.tolist())
    assert found["mIoU"] == round(100 * np.nanmean(iou), 2)
    assert found["mIoU_without_background"] == round(100 * np.nanmean(iou[1:]), 2)


def test_pixels_left_out_count_nowhere() -> None:
    found = score([[1, 2]], [[1, 255]])
    assert (found["mIoU"], found["mAcc"], found["mIoU_without_background"]) == (100, 100, 100)


def test_without_foreground_there_is_no_mean_of_it() -> None:
    found = score([[0, 0]], [[0, 0]])
    assert np.isnan(found["mIoU_without_background"])
    assert found["mIoU"] == 100.0


# ---------------------------------------------------------------- networks


def test_stage_1_minimises_the_distance_to_the_average() -> None:
    config = load_config(STAGE1)
    config.model.data_preprocessor.size = SIZE
    model = MODELS.build(config.model)
    data = model.data_preprocessor(batch(), True)
    losses = model(**data, mode="loss")
    pair = data["inputs"] / 255
    y, ir = luma(pair[:, :3]), pair[:, 3:]
    torch.manual_seed(0)
    expected = average_loss(model(data["inputs"]), y, ir)
    torch.testing.assert_close(losses["loss_average"], expected)
    assert set(model.state_dict()) == set(joint().fuser.state_dict())  # no prefix


def test_stage_2_adds_the_weighted_correlation_loss() -> None:
    torch.manual_seed(0)
    model = joint(lam=0.5).eval()
    data = model.data_preprocessor(batch(), True)
    losses = model.loss(**data)
    _, fused, y, ir = model.fuse(data["inputs"])
    torch.testing.assert_close(losses["loss_correlation"], 0.5 * correlation_loss(fused, y, ir))
    assert set(losses) == {"decode.loss_ce", "decode.acc_seg", "loss_correlation"}


def test_both_networks_learn_or_the_segmenter_alone() -> None:
    for frozen in (False, True):
        model = joint(freeze_fuser=frozen).train()
        data = model.data_preprocessor(batch(), True)
        loss, _ = model.parse_losses(model.loss(**data))
        loss.backward()
        learns = [p.grad is not None for p in model.fuser.parameters()]
        assert any(learns) != frozen
        assert all(p.grad is not None for p in model.decode_head.conv_seg.parameters())
        assert model.fuser.training != frozen


SEEN: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "visible": lambda y, ir: y,
    "infrared": lambda y, ir: ir,
    "average": lambda y, ir: (y + ir) / 2,
}


@pytest.mark.parametrize("fusion", SEEN)
def test_what_the_segmenter_sees_instead(fusion: str) -> None:
    model = joint(fusion=fusion)
    assert not hasattr(model, "fuser")
    data = model.data_preprocessor(batch(), True)
    image, fused, y, ir = model.fuse(data["inputs"])
    torch.testing.assert_close(fused, SEEN[fusion](y, ir))
    vis = data["inputs"][:, :3] / 255
    torch.testing.assert_close(image, vis + fused - y)
    assert "loss_correlation" not in model.loss(**data)


def test_values_are_normalised_unless_the_config_says_no() -> None:
    seen = []
    model = joint(fusion="visible")
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.full((1, 3, *SIZE), 0.5)
    for model.normalize in (True, False):
        model.extract_feat(image)
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor(expected))
    torch.testing.assert_close(seen[1], image)


def test_the_authors_order_is_that_of_reversed_images() -> None:
    model = joint(fusion="visible").eval()
    inputs = torch.stack(batch()["inputs"]).float()
    flipped = torch.cat([inputs[:, :3].flip(1), inputs[:, 3:]], dim=1)
    ours = model.fuse(flipped)
    model.authors_quirks = True
    for one, other in zip(model.fuse(inputs), ours, strict=True):
        torch.testing.assert_close(one, other)


@torch.no_grad()
def test_prediction_gives_labels_and_the_fused_image(tmp_path: Path) -> None:
    model = joint().eval()
    data = model.data_preprocessor(batch(1))
    sample = model.predict(**data)[0]
    assert sample.pred_sem_seg.data.shape == (1, *SIZE)
    seen = model.fuse(data["inputs"])[0][0]
    assert seen.min() < 0 < 1 < seen.max()
    torch.testing.assert_close(sample.fused.data, seen.clamp(0, 1))  # what is drawn


def test_the_segmenter_sees_the_unclipped_image_and_what_is_beyond_has_a_gradient() -> None:
    model = joint(fusion="average", normalize=False).eval()
    inputs = torch.zeros(1, 4, *SIZE)
    inputs[:, 0], inputs[:, 3] = 255, 255  # red, and hot: R is 1 + (1 - 0.299) / 2
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model.loss(inputs, batch(1)["data_samples"])
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([1.3505, 0.3505, 0.3505]))
    model.fusion, fused = "network", torch.ones(1, 1, *SIZE, requires_grad=True)
    model.fuser = lambda y, ir: fused
    model.loss(inputs, batch(1)["data_samples"])["decode.loss_ce"].backward()
    assert (fused.grad != 0).all()


WINDOW = {"mode": "slide", "crop_size": (32, 32), "stride": (16, 16)}


@torch.no_grad()
def test_windows_fade_into_each_other() -> None:
    """Along a row of three windows each score is their mean, weighted linearly to the borders."""
    model = joint(fusion="visible", test_cfg=WINDOW).eval()
    values = iter([1.0, 2.0, 4.0])
    model.encode_decode = lambda part, about: part.new_full((1, 9, *part.shape[2:]), next(values))
    found = model.slide_inference(torch.zeros(1, 3, 32, 64), [{}])[0, 0, 5]
    share = (torch.arange(16) + 0.5) / 16  # of the window that begins, and of the one that ends
    crossing = [1 + share, 2 + 2 * share]
    expected = torch.cat([torch.ones(16), *crossing, torch.full((16,), 4.0)])
    torch.testing.assert_close(found, expected)


@torch.no_grad()
@pytest.mark.parametrize("size", [(32, 32), (20, 50), (33, 47), (70, 32)])
def test_windows_cover_images_of_any_size(size: tuple[int, int]) -> None:
    model = joint(fusion="visible", test_cfg=WINDOW).eval()
    model.encode_decode = lambda part, about: part.mean(dim=1, keepdim=True).expand(-1, 9, -1, -1)
    image = torch.rand(2, 3, *size)
    found = model.slide_inference(image, [{}, {}])
    torch.testing.assert_close(found, image.mean(dim=1, keepdim=True).expand(-1, 9, -1, -1))


@torch.no_grad()
def test_one_window_is_the_whole_image() -> None:
    model = joint(fusion="visible").eval()
    image = torch.rand(1, 3, *SIZE)
    about = [{"img_shape": torch.Size(SIZE), "ori_shape": SIZE}]
    whole = model.encode_decode(image, about)
    torch.testing.assert_close(model.slide_inference(image, about), whole)


def test_labels_of_a_set_are_what_its_files_hold(data: Path) -> None:
    sample = dataset_of(data, pipeline=[{"type": "LoadLabeledPair"}])[0]
    np.testing.assert_array_equal(sample["gt_seg_map"], get(Path(sample["seg_map_path"])))
