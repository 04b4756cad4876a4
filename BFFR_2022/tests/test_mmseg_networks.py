"""The networks registered with mmsegmentation: losses, inputs, windows and predictions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_bffr  # noqa: F401 - registers what is tested
from utils.common.color import luma
from utils.util_loss import average_loss, correlation_loss
from utils.util_mmengine import STAGE1, STAGE2, load_config

SIZE = (32, 48)


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope("mmseg")


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


def test_stage_1_minimizes_the_distance_to_the_average() -> None:
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


def test_values_are_normalized_unless_the_config_says_no() -> None:
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
