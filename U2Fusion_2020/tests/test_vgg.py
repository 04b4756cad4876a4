"""Features, information and weights of the sources; whose VGG16 it is."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import VGG16_Weights

import utils.vgg
from tests.helpers import picture, run_script
from tests.method import stand_in
from utils.common.checkpoint import load_checkpoint
from utils.utils import InputError
from utils.vgg import (
    CAFFE_BIASES,
    IMAGENET_BIASES,
    REFERENCE_INFORMATION,
    VGG16,
    InformationMeasure,
    calibration_image,
    information,
    laplacian,
    make_stand_in,
)

CONV_LAYERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # as torchvision numbers them
LAST_OF_BLOCK = (2, 7, 14, 21, 28)


@pytest.fixture(scope="module")
def trial() -> InformationMeasure:
    return InformationMeasure.load(stand_in())


@pytest.fixture
def original(reference: Path) -> Path:
    path = reference / "reference_weights" / "vgg16_features_caffe_bgr_fp16.pth"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path


def lumas(*images: np.ndarray) -> torch.Tensor:
    """Return 8-bit gray images as sources of one sample, (1, N, H, W)."""
    return torch.from_numpy(np.stack(images).astype(np.float32) / 255)[None]


def literal_taps(state: dict[str, torch.Tensor], pixels: torch.Tensor) -> list[torch.Tensor]:
    """Evaluate VGG16 layer by layer, on what the first layer takes."""
    x, found = pixels, []
    for layer in CONV_LAYERS:
        weight, bias = (state[f"features.{layer}.{kind}"].float() for kind in ("weight", "bias"))
        x = F.conv2d(x, weight, bias, padding=1).clamp_min(0)
        if layer in LAST_OF_BLOCK:
            found.append(x)
            x = F.max_pool2d(x, 2)
    return found


def test_taps_of_the_original_network(original: Path) -> None:
    state = load_checkpoint(original)
    luma = lumas(picture(0, 64, 80, 1))
    pixels = 255 * luma.expand(-1, 3, -1, -1)
    pixels = pixels - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)  # B, G, R
    expected = literal_taps(state, pixels)
    measure = InformationMeasure.load(original, "caffe")
    taps = measure.vgg(luma)
    assert [tap.shape[1] for tap in taps] == [64, 128, 256, 512, 512]
    for tap, value in zip(taps, expected, strict=True):
        assert value.std() > 0
        torch.testing.assert_close(tap, value, atol=1e-3 * float(value.abs().max()), rtol=0)


@pytest.mark.parametrize("convention", ["features", "imagenet"])
def test_inputs_are_torchvisions(convention: str) -> None:
    published = {"features": "IMAGENET1K_FEATURES", "imagenet": "IMAGENET1K_V1"}[convention]
    transforms = VGG16_Weights[published].transforms()
    luma = torch.rand(2, 1, 32, 48)
    state = {k: v for k, v in load_checkpoint(stand_in()).items() if k.startswith("features")}
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (transforms.mean, transforms.std))
    expected = literal_taps(state, (luma.expand(-1, 3, -1, -1) - mean) / std)
    for tap, value in zip(VGG16(state, convention)(luma), expected, strict=True):
        torch.testing.assert_close(tap, value, atol=1e-5 * float(value.abs().max()), rtol=0)


def test_laplacian_by_hand() -> None:
    features = torch.zeros(2, 3, 6, 7)
    features[1, 2, 2, 3] = 8
    found = laplacian(features)
    expected = torch.zeros_like(features)
    expected[1, 2, 1:4, 2:5] = 1
    expected[1, 2, 2, 3] = -8
    torch.testing.assert_close(found, expected)
    uniform = laplacian(torch.full((1, 2, 5, 5), 8.0))  # only 0 beyond the border differs
    sides, corners = -3, -5  # as many neighbors are missing, of 8/8 each
    assert uniform[0, 1].tolist() == [
        [corners, sides, sides, sides, corners],
        *[[sides, 0, 0, 0, sides]] * 3,
        [corners, sides, sides, sides, corners],
    ]


def test_information_by_its_equation(trial: InformationMeasure) -> None:
    luma = lumas(picture(0, 40, 48, 1))
    rows, columns = np.arange(224) * 40 // 224, np.arange(224) * 48 // 224
    taps = trial.vgg(luma[:, :, rows][..., columns])  # nearest neighbor
    total = 0.0
    for tap in taps:
        maps = np.pad(tap[0].double().numpy(), [(0, 0), (1, 1), (1, 1)])
        for one in maps:
            ring = sum(
                one[1 + i : one.shape[0] - 1 + i, 1 + j : one.shape[1] - 1 + j]
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
                if i or j
            )
            total += np.mean((ring / 8 - one[1:-1, 1:-1]) ** 2) / len(maps) / 5
    assert float(information(trial.vgg, luma)) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("c", [100.0, 3500.0])
def test_weights_are_the_softmax(trial: InformationMeasure, c: float) -> None:
    sources = lumas(picture(0, 33, 47, 1), picture(1, 33, 47, 1) // 2, picture(2, 33, 47, 1) // 3)
    g = [float(information(trial.vgg, sources[:, i : i + 1])) for i in range(3)]
    shares = np.exp(np.array(g) / c - max(g) / c)
    found = trial(sources, c)
    np.testing.assert_allclose(found[0], shares / shares.sum(), atol=2e-3)
    assert not found.requires_grad


@pytest.mark.parametrize("weights", ["stand-in", "original"])
def test_sharp_against_blurred(
    weights: str, trial: InformationMeasure, request: pytest.FixtureRequest
) -> None:
    measure = trial
    if weights == "original":
        measure = InformationMeasure.load(request.getfixturevalue("original"), "caffe")
    sharp = picture(0, 96, 96, 1)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2.5)
    first = measure(lumas(sharp, blurred), 3000.0)[0]
    assert first[0] > 0.6
    swapped = measure(lumas(blurred, sharp), 3000.0)[0]
    torch.testing.assert_close(swapped.flip(0), first)
    even = measure(lumas(sharp, sharp), 3000.0)[0]
    torch.testing.assert_close(even, torch.tensor([0.5, 0.5]))


def test_a_known_pair(original: Path, reference: Path) -> None:
    files = [reference / "data" / "tno" / kind / "01.png" for kind in ("ir", "vis")]
    pair = lumas(*(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files))
    weights = InformationMeasure.load(original, "caffe")(pair, 3200.0)[0]
    assert weights.tolist() == pytest.approx([0.032, 0.968], abs=0.005)


def test_order_of_the_channels_matters_little(original: Path, reference: Path) -> None:
    files = [reference / "data" / "tno" / kind / "01.png" for kind in ("ir", "vis")]
    pair = lumas(*(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files))
    measure = InformationMeasure.load(original, "caffe")
    right = measure(pair, 3200.0)
    measure.vgg.mean = measure.vgg.mean.flip(1)
    turned = measure(pair, 3200.0)
    assert 0 < (turned - right).abs().max() < 0.005


def test_padding_of_the_laplacian_matters_little(
    original: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped weights were trained on maps that were reflected at the border."""
    files = [reference / "data" / "tno" / kind / "01.png" for kind in ("ir", "vis")]
    pair = lumas(*(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files))
    patches = [pair[..., y : y + 64, x : x + 64] for y, x in ((0, 0), (80, 200), (150, 90))]
    measure = InformationMeasure.load(original, "caffe")
    zeros = torch.cat([measure(patch, 3000.0) for patch in patches])

    def reflected(features: torch.Tensor) -> torch.Tensor:
        return laplacian(F.pad(features, (1, 1, 1, 1), mode="reflect"))[..., 1:-1, 1:-1]

    monkeypatch.setattr(utils.vgg, "laplacian", reflected)
    before = torch.cat([measure(patch, 3000.0) for patch in patches])
    assert 0 < (before - zeros).abs().max() < 0.03


def test_batch_mates_do_not_matter(trial: InformationMeasure) -> None:
    sources = torch.cat([lumas(picture(n, 33, 47, 1), picture(n + 9, 33, 47, 1)) for n in range(5)])
    sources[2] *= 0.5
    together = trial(sources, 3000.0)
    alone = torch.cat([trial(source[None], 3000.0) for source in sources])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    assert together.std() > 0.01


# ---------------------------------------------------------------- whose weights they are


def of_scale(factor: float) -> dict[str, torch.Tensor]:
    """Return a stand-in whose features are `factor` times as large."""
    state = {k: v for k, v in load_checkpoint(stand_in()).items() if k.startswith("features")}
    return {**state, "features.0.weight": state["features.0.weight"] * factor}


def with_biases(state: dict[str, torch.Tensor], biases: tuple[float, ...]) -> dict:
    bias = state["features.0.bias"].clone()
    bias[: len(biases)] = torch.tensor(biases)
    return {**state, "features.0.bias": bias}


def test_reference_is_the_original_networks(original: Path) -> None:
    vgg = VGG16(load_checkpoint(original), "caffe")
    found = float(information(vgg, calibration_image()))
    assert found == pytest.approx(REFERENCE_INFORMATION, rel=1e-3)


@pytest.mark.parametrize(
    ("state", "convention", "fits"),
    [
        (lambda: of_scale(0.01), "features", "imagenet"),
        (lambda: of_scale(0.01), "caffe", "imagenet"),
        (lambda: of_scale(57), "imagenet", "features"),
        (lambda: with_biases(of_scale(1), IMAGENET_BIASES), "features", "imagenet"),
        (lambda: with_biases(of_scale(1), IMAGENET_BIASES), "caffe", "imagenet"),
    ],
)
def test_weights_of_another_convention(
    tmp_path: Path, state: Callable[[], dict], convention: str, fits: str
) -> None:
    path = tmp_path / "vgg.pth"
    torch.save(state(), path)
    message = f"does not fit --vgg_convention {convention}: .*; try --vgg_convention {fits}"
    with pytest.raises(InputError, match=f"vgg.pth {message}"):
        InformationMeasure.load(path, convention)


@pytest.mark.parametrize("convention", ["features", "imagenet"])
def test_the_original_network_is_known(original: Path, convention: str) -> None:
    with pytest.raises(InputError, match="try --vgg_convention caffe"):
        InformationMeasure.load(original, convention)


def test_the_original_network_in_rgb_is_torchvisions(original: Path, tmp_path: Path) -> None:
    state = load_checkpoint(original)
    assert tuple(state["features.0.bias"][:4].tolist()) == pytest.approx(CAFFE_BIASES, abs=1e-3)
    turned = {**state, "features.0.weight": state["features.0.weight"].flip(1)}
    torch.save(turned, tmp_path / "rgb.pth")
    assert InformationMeasure.load(tmp_path / "rgb.pth", "features").scale == 1
    with pytest.raises(InputError, match="try --vgg_convention features"):
        InformationMeasure.load(tmp_path / "rgb.pth", "caffe")


def test_smaller_features_scale_c(tmp_path: Path) -> None:
    torch.save(of_scale(3.0), tmp_path / "vgg.pth")  # inputs are 57 times smaller
    small = InformationMeasure.load(tmp_path / "vgg.pth", "imagenet")
    assert 1e-4 < small.scale < 1e-1
    sources = lumas(picture(0, 64, 64, 1), cv2.GaussianBlur(picture(0, 64, 64, 1), (0, 0), 1.5))
    weights = small(sources, 3000.0)[0]
    expected = InformationMeasure.load(stand_in())(sources, 3000.0)[0]
    torch.testing.assert_close(weights, expected, atol=0.05, rtol=0)
    assert abs(float(expected[0]) - 0.5) > 0.1


@pytest.mark.parametrize(
    "state",
    [
        {"a": torch.zeros(3)},
        {},
        {"features.0.bias": torch.zeros(64)},
        {"features.0.weight": torch.zeros(8, 3, 3, 3), "features.0.bias": torch.zeros(8)},
    ],
)
def test_foreign_files(tmp_path: Path, state: dict) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth does not hold VGG16's features"):
        InformationMeasure.load(tmp_path / "other.pth")


def test_a_whole_vgg16_is_read(tmp_path: Path) -> None:
    state = {**of_scale(1), "classifier.0.weight": torch.zeros(4, 4)}
    torch.save(state, tmp_path / "whole.pth")
    assert InformationMeasure.load(tmp_path / "whole.pth").name == str(tmp_path / "whole.pth")


def test_no_weights_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(
        InputError, match=r"cannot be loaded: no network; fetch .*vgg16_features"
    ) as e:
        InformationMeasure.load()
    for way in ("--vgg_weights", "--stand_in"):
        assert way in str(e.value)
    with pytest.raises(InputError, match="--vgg_convention caffe needs a local file"):
        InformationMeasure.load(None, "caffe")


def test_torchvisions_weights_are_read_safely(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def load(url: str, **options: object) -> dict[str, torch.Tensor]:
        asked.update(options, url=url)
        return of_scale(1)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", load)
    measure = InformationMeasure.load()
    assert asked["url"] == VGG16_Weights.IMAGENET1K_FEATURES.url
    assert asked["weights_only"] is True
    assert asked["check_hash"] is True
    assert "IMAGENET1K_FEATURES" in measure.name


# ---------------------------------------------------------------- stand-in


def test_stand_in_is_small_seeded_and_says_so(tmp_path: Path) -> None:
    done = run_script("-m", "utils.vgg", "--stand_in", tmp_path / "a.safetensors", "--seed", 3)
    assert done.returncode == 0, done.stderr
    make_stand_in(tmp_path / "b.safetensors", 3)
    make_stand_in(tmp_path / "c.safetensors", 4)
    first, again, other = ((tmp_path / f"{n}.safetensors").read_bytes() for n in "abc")
    assert first == again != other
    assert len(first) < 1e6
    measure = InformationMeasure.load(tmp_path / "a.safetensors")
    assert measure.name.endswith("a stand-in of random weights (seed 3)")
    found = float(information(measure.vgg, utils.vgg.calibration_image()))
    assert found == pytest.approx(REFERENCE_INFORMATION, rel=1e-3)
