"""CDDFuse's evaluator: its values, and what differs from the definitions, by hand."""

import csv
import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from benchmark.metrics import CONVENTIONS
from benchmark.tests.reference import ABSENT, REFERENCE, TANG, largest_differences

CONVENTION = CONVENTIONS["cddfuse"]
STANDARD = CONVENTIONS["standard"]
VALUES = REFERENCE / "golden" / "cddfuse.csv"
PRINTED = {  # the evaluator's order, VIF by its right name
    "EN": "en", "SD": "sd", "SF": "sf", "AG": "ag", "MI": "mi", "CC": "cc",
    "SCD": "scd", "PSNR": "psnr", "VIF": "vif", "Qabf": "qabf", "SSIM": "ssim",
}  # fmt: skip
FLOAT32 = 5e-6  # relative; the evaluator computes in float32, except EN and MI
DOUBLE = {"EN": 1e-12, "MI": 1e-12}
Array = NDArray[np.float64]


@pytest.mark.skipif(not (TANG.is_dir() and VALUES.is_file()), reason=ABSENT)
def test_all_values_of_the_evaluator(capsys: pytest.CaptureFixture[str]) -> None:
    """11 columns of 6 pairs and 3 methods: 198 values; the differences are always shown."""
    with VALUES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["method", "image", *PRINTED]
    assert len(rows) == 18
    largest = largest_differences(rows, CONVENTION, PRINTED)
    with capsys.disabled():
        print("\nlargest relative difference to 18 values of the evaluator each:")
        print("\n".join(f"{name:5} {difference:.1e}" for name, difference in largest.items()))
    assert [name for name in PRINTED if largest[name] > DOUBLE.get(name, FLOAT32)] == []


def test_the_11_metrics() -> None:
    assert list(CONVENTION.default) == list(CONVENTION.functions) == list(PRINTED.values())


@pytest.fixture
def images() -> list[Array]:
    """Two sources and a fused image of whole numbers, (1, 48, 50) each."""
    rng = np.random.default_rng(5)
    blocks = np.kron(rng.integers(0, 200, (3, 12, 13)), np.ones((1, 4, 4)))[:, :48, :50]
    return list((blocks + rng.integers(0, 40, blocks.shape))[:, None])


def score(metric: str, images: list[Array]) -> float:
    *sources, fused = images
    return CONVENTION.score([metric], sources, fused)[0]


def test_mi_in_nats() -> None:
    fused = np.array([[[7.0, 7.0, 9.0, 9.0]]])  # two values, as often: ln 2 with itself
    other = np.array([[[1.0, 2.0, 1.0, 2.0]]])  # independent of it: 0
    mi, en = CONVENTION.score(["mi", "en"], [fused, other], fused)
    assert mi == pytest.approx(math.log(2))
    assert en == pytest.approx(1)  # bits


def test_psnr_with_the_peak_of_the_fused_image() -> None:
    fused = np.array([[[20.0, 100.0]]])
    sources = [fused + np.array([3.0, 4.0]), fused]  # errors of 25 / 2 and 0, mean 25 / 4
    expected = 10 * math.log10(100**2 / (25 / 4))
    assert CONVENTION.score(["psnr"], sources, fused) == [pytest.approx(expected)]
    black = np.zeros((1, 1, 2))
    assert CONVENTION.score(["psnr"], sources, black) == [-math.inf]


def test_sf_and_ag_by_hand() -> None:
    fused = np.array([[[0.0, 6.0], [0.0, 0.0]]])
    sf, ag = CONVENTION.score(["sf", "ag"], [fused, fused], fused)
    assert sf == pytest.approx(math.sqrt(36 / 2 + 36 / 2))  # 6, 0 along the rows; 0, -6 down
    # (gx, gy): (6, 0), (6, -6), (0, 0), (0, -6)
    assert ag == pytest.approx((math.sqrt(18) + math.sqrt(36) + 0 + math.sqrt(18)) / 4)


def test_vif_and_ssim_are_sums(images: list[Array]) -> None:
    a, b, fused = images
    for metric in ("vif", "ssim"):
        twice = [score(metric, [source, source, fused]) for source in (a, b)]
        assert score(metric, images) == pytest.approx(sum(twice) / 2)
    assert score("ssim", [a, a, a]) == pytest.approx(2)
    assert score("vif", [a, a, a]) == pytest.approx(2)


def test_ssim_is_the_default_of_scikit_image_with_range_2(images: list[Array]) -> None:
    *sources, fused = (image[0] for image in images)
    expected = sum(structural_similarity(source, fused, data_range=2) for source in sources)
    assert score("ssim", images) == pytest.approx(expected, rel=1e-10)
    assert abs(expected - 2 * STANDARD.score(["ssim"], images[:2], images[2])[0]) > 0.01


def test_qabf_where_strengths_are_equal() -> None:
    """One bright pixel: the strengths around it, 2 and sqrt(2), are taken for the ratio."""
    fused = np.zeros((1, 5, 5))
    fused[0, 2, 2] = 1
    q_alpha = 0.9879 / (1 + math.exp(-22 * 0.2))
    corner, side = (
        0.9994 / (1 + math.exp(-15 * (strength - 0.5))) for strength in (math.sqrt(2), 2)
    )
    expected = q_alpha * (4 * math.sqrt(2) * corner + 4 * 2 * side) / (4 * math.sqrt(2) + 4 * 2)
    assert score("qabf", [fused, fused, fused]) == pytest.approx(expected, rel=1e-12)
    assert expected > 0.9879 / (1 + math.exp(-4.4)) * 0.9994 / (1 + math.exp(-7.5))  # of ratio 1


def test_the_rest_is_standard(images: list[Array]) -> None:
    for metric in ("en", "sd", "cc", "scd"):
        expected = STANDARD.score([metric], images[:2], images[2])[0]
        assert score(metric, images) == pytest.approx(expected, abs=1e-12)


def test_values_are_rounded(images: list[Array]) -> None:
    rng = np.random.default_rng(6)
    moved = [image + rng.uniform(-0.4, 0.4, image.shape) for image in images]
    moved = [np.clip(image, 0, 255) for image in moved]
    for metric in CONVENTION.functions:
        assert score(metric, moved) == score(metric, images)


def test_color_becomes_rounded_gray() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (3, 3, 48, 50)).astype(np.float64)
    pixels = np.ascontiguousarray(np.moveaxis(rgb, 1, 3)[..., ::-1], dtype=np.float32)  # B, G, R
    gray = [np.round(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)) for image in pixels]
    grays = [image[None].astype(np.float64) for image in gray]
    for metric in CONVENTION.functions:
        assert score(metric, list(rgb)) == score(metric, grays)
    exact = np.tensordot(rgb, [0.299, 0.587, 0.114], axes=([1], [0]))
    assert np.abs(np.stack(gray) - exact).max() < 0.5001


@pytest.mark.parametrize("metric", CONVENTION.functions)
def test_float32_batches_agree(images: list[Array], metric: str) -> None:
    turned = [image[:, ::-1].copy() for image in images]
    batches = [
        torch.from_numpy(np.stack(both)).to(torch.float32)
        for both in zip(images, turned, strict=True)
    ]
    found = CONVENTION.functions[metric](batches[:2], batches[2])
    expected = [score(metric, images), score(metric, turned)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
