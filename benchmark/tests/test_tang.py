"""Tang's MATLAB toolbox: its published values, and its bytes worked out with NumPy's own."""

import csv
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmark.metrics import CONVENTIONS, mef_ssim
from benchmark.tests.plain import patches, window
from benchmark.tests.reference import ABSENT, TANG, largest_differences

CONVENTION = CONVENTIONS["tang"]
STANDARD = CONVENTIONS["standard"]
Bytes = NDArray[np.uint8]
PRINTED = {  # the toolbox's names of the columns
    "EN": "en", "SD": "sd", "SF": "sf", "AG": "ag", "MI": "mi", "CC": "cc",
    "SCD": "scd", "PSNR": "psnr", "MSE": "mse", "Qabf": "qabf", "VIF": "vif",
}  # fmt: skip


@pytest.mark.skipif(not TANG.is_dir(), reason=ABSENT)
def test_all_published_values(capsys: pytest.CaptureFixture[str]) -> None:
    """11 columns of 6 pairs and 3 methods: 198 values; the differences are always shown."""
    with (TANG / "published.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"method", "image", *PRINTED}
    assert len(rows) == 18
    largest = largest_differences(rows, CONVENTION, PRINTED)
    with capsys.disabled():
        print("\nlargest relative difference to 18 published values each:")
        print("\n".join(f"{name:5} {difference:.1e}" for name, difference in largest.items()))
    assert [name for name, difference in largest.items() if difference > 1e-5] == []


def test_the_default_columns_are_the_published_ones() -> None:
    assert sorted(CONVENTION.default) == sorted(PRINTED.values())


@pytest.fixture
def images() -> list[Bytes]:
    """Two sources and a fused image with dark parts, (1, 48, 50) each."""
    rng = np.random.default_rng(9)
    blocks = np.kron(rng.integers(0, 30, (3, 12, 13)), np.ones((1, 4, 4)))[:, :48, :50]
    blocks[:, 20:] += 200
    noisy = blocks + rng.integers(0, 26, blocks.shape)
    return list(noisy.astype(np.uint8)[:, None])


def score(metric: str, images: list[Bytes]) -> float:
    *sources, fused = (image.astype(np.float64) for image in images)
    return CONVENTION.score([metric], sources, fused)[0]


def standard(metric: str, images: list[Bytes]) -> float:
    *sources, fused = (image.astype(np.float64) for image in images)
    return STANDARD.score([metric], sources, fused)[0]


def as_bytes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert as MATLAB does: to the nearest, halves away from 0, and cut off."""
    return np.clip(np.trunc(values + np.copysign(0.5, values)), 0, 255)


def test_sd_by_hand() -> None:
    fused = np.array([[[0, 10, 20, 90]]])  # mean 30: 0, 0, 0 and 60, whose square is 255
    assert CONVENTION.score(["sd"], [fused, fused], fused) == [pytest.approx(math.sqrt(255 / 4))]
    near = np.array([[[95, 98, 103, 104]]])  # mean 100: 0, 0, 3, 4
    assert CONVENTION.score(["sd"], [near, near], near) == [pytest.approx(math.sqrt(25 / 4))]


def test_sd_of_saturating_bytes(images: list[Bytes]) -> None:
    fused = images[2].astype(np.float64)
    squares = as_bytes(as_bytes(fused - fused.mean()) ** 2)
    assert score("sd", images) == pytest.approx(math.sqrt(squares.mean()))
    assert score("sd", images) < 16 < standard("sd", images)


def byte_vif(source: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    """Evaluate the published definition with products of bytes at the first scale."""
    kept = total = 0.0
    for scale, size in enumerate((17, 9, 5, 3)):
        weights = window(size, size / 5)
        if scale:
            source, fused = (
                (patches(image, size) * weights).sum(axis=(2, 3))[::2, ::2]
                for image in (source, fused)
            )
        limit = np.inf if scale else 255.0
        mean_s, mean_f = ((patches(i, size) * weights).sum(axis=(2, 3)) for i in (source, fused))
        var_s, var_f, covariance = (
            (patches(np.minimum(x * y, limit), size) * weights).sum(axis=(2, 3)) - m * n
            for x, y, m, n in (
                (source, source, mean_s, mean_s),
                (fused, fused, mean_f, mean_f),
                (source, fused, mean_s, mean_f),
            )
        )
        var_s, var_f = np.maximum(var_s, 0), np.maximum(var_f, 0)
        for s, f, c in zip(var_s.flat, var_f.flat, covariance.flat, strict=True):
            gain = c / (s + 1e-10)
            noise = f - gain * c
            if s < 1e-10:
                gain, noise, s = 0, f, 0
            if f < 1e-10:
                gain, noise = 0, 0
            if gain < 0:
                gain, noise = 0, f
            kept += math.log10(1 + gain**2 * s / (max(noise, 1e-10) + 2))
            total += math.log10(1 + s / 2)
    return kept / total


def test_vif_of_saturating_bytes(images: list[Bytes]) -> None:
    a, b, fused = (image[0].astype(np.float64) for image in images)
    expected = byte_vif(a, fused) + byte_vif(b, fused)
    assert score("vif", images) == pytest.approx(expected, abs=1e-9)
    assert abs(expected - standard("vif", images)) > 0.01


def test_sf_and_errors_in_0_to_1() -> None:
    fused = np.array([[[0, 51], [0, 0]]])  # along the rows 0.2 and 0, down 0 and -0.2
    source = fused + 51
    sf, psnr, mse = CONVENTION.score(["sf", "psnr", "mse"], [source, fused], fused)
    assert sf == pytest.approx(math.sqrt(0.04 / 2 + 0.04 / 2))
    assert mse == pytest.approx(0.04 / 2)
    assert psnr == pytest.approx(10 * math.log10(255**2 / 0.02))


def test_the_two_brightest_values_are_one_in_joint_histograms_only() -> None:
    fused = np.array([[[254, 255, 1, 2]]])  # EN 2 bits; joint entropy 1.5, not 2
    found = CONVENTION.score(["mi", "en"], [fused, fused], fused)
    assert found == pytest.approx([2 * (2 + 2 - 1.5), 2])


def rounded_edges(image: NDArray[np.float64]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return strength and orientation by pixel, each sum rounded in MATLAB's order."""
    height, width = image.shape
    framed = np.pad(image / 255, 1).tolist()
    found = {}
    for y in range(height):
        for x in range(width):
            left = up = 0.0
            for j in range(3):  # of the kernel that conv2 flips, column by column
                for i in range(3):
                    value = framed[y + 2 - i][x + 2 - j]
                    left += (j - 1) * (2 - abs(i - 1)) * value
                    up += (1 - i) * (2 - abs(j - 1)) * value
            angle = math.pi / 2 if left == 0 else math.atan(up / left)
            found[y, x] = math.sqrt(left * left + up * up), angle
    return found


def test_qabf_with_rounding_errors(images: list[Bytes]) -> None:
    """Few gray levels, so that many strengths are equal but for the rounding of their sums."""
    small = [image[:, 5:25, 5:25] // 60 * 60 + 13 for image in images]
    *sources, fused = (rounded_edges(image[0].astype(np.float64)) for image in small)
    kept = total = 0.0
    for source in sources:
        for pixel, (g_s, a_s) in source.items():
            g_f, a_f = fused[pixel]
            ratio = g_f if g_s == g_f else min(g_s, g_f) / max(g_s, g_f)
            turned = 1 - abs(a_s - a_f) / (math.pi / 2)
            q_g = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            kept += g_s * q_g * 0.9879 / (1 + math.exp(-22 * (turned - 0.8)))
            total += g_s
    assert score("qabf", small) == pytest.approx(kept / total, rel=1e-12)


@pytest.mark.parametrize("metric", CONVENTION.functions)
def test_all_types_give_one_number(images: list[Bytes], metric: str) -> None:
    *sources, fused = images
    expected = score(metric, images)
    assert CONVENTION.score([metric], sources, fused) == [expected]
    *tensors, last = (torch.from_numpy(image)[None].to(torch.float32) for image in images)
    batch = CONVENTION.functions[metric](tensors, last)
    assert batch.tolist() == [pytest.approx(expected, rel=1e-5, abs=1e-5)]


def test_the_rest(images: list[Bytes]) -> None:
    for metric in ("en", "ag", "cc", "scd", "fmi_dct", "fmi_wavelet"):
        assert score(metric, images) == pytest.approx(standard(metric, images), abs=1e-12)
    assert score("fmi_pixel", images) == standard("fmi_edge", images)
    *sources, fused = (image[0] for image in images)
    assert score("ms_ssim", images) == mef_ssim(sources, fused)
    assert 0 < score("qabf", images) < standard("qabf", images)  # G = g where strengths are equal
    assert score("nabf", images) != standard("nabf", images)


def test_color_becomes_rounded_gray() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (3, 3, 20, 20)).astype(np.float64)
    gray = [np.floor(np.tensordot([0.298936, 0.587043, 0.114021], i, axes=1) + 0.5) for i in rgb]
    for metric in CONVENTION.default[:-1]:  # VIF needs more pixels
        expected = CONVENTION.score([metric], [gray[0][None], gray[1][None]], gray[2][None])
        assert CONVENTION.score([metric], list(rgb[:2]), rgb[2]) == expected
