import csv
import math
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import mef_ssim
from benchmark.tests.cli import EVALUATE
from benchmark.tests.plain import half
from benchmark.tests.reference import ABSENT, REFERENCE

GOLDEN = REFERENCE / "golden" / "mef_ssim.csv"
SCENES = REFERENCE / "data" / "mefb" / "test"
WEIGHTS = np.array([0.0448, 0.2856, 0.3001]) / 0.6305
C = (0.03 * 255) ** 2
NAMES = sorted(path.name for path in SCENES.iterdir()) if SCENES.is_dir() else []
needs_golden = pytest.mark.skipif(not (GOLDEN.is_file() and NAMES), reason=ABSENT)


def plain_quality(sources: list[NDArray[np.float64]], fused: NDArray[np.float64]) -> float:
    """Cut out every patch, make the desired one as in Ma, Zeng and Wang (2015), and compare."""
    offset = np.arange(11) - 5
    gauss = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    gauss /= gauss.sum()
    eps = np.finfo(np.float64).eps
    values = []
    for row in range(fused.shape[0] - 10):
        for column in range(fused.shape[1] - 10):
            patch = slice(row, row + 11), slice(column, column + 11)
            deviations = [source[patch] - source[patch].mean() for source in sources]
            norms = [float(np.linalg.norm(x)) for x in deviations]
            r = (np.linalg.norm(np.sum(deviations, axis=0)) + eps) / (sum(norms) + eps)
            p = min(math.tan(math.pi / 2 * min(r, 1)), 10)
            contrasts = [norm + 0.001 for norm in norms]
            weights = [(c / 11) ** p + eps for c in contrasts]
            structure = np.zeros((11, 11))
            for x, c, w in zip(deviations, contrasts, weights, strict=True):
                structure += w / sum(weights) * x / c
            if structure.any():
                structure /= np.linalg.norm(structure)
            desired = max(contrasts) * structure
            d = desired - (gauss * desired).sum()
            f = fused[patch] - (gauss * fused[patch]).sum()
            top = 2 * (gauss * d * f).sum() + C
            values.append(top / ((gauss * d**2).sum() + (gauss * f**2).sum() + C))
    return float(np.mean(values))


def plain_mef_ssim(sources: list[NDArray[np.float64]], fused: NDArray[np.float64]) -> float:
    score = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            sources, fused = [half(source) for source in sources], half(fused)
        score *= plain_quality(sources, fused) ** weight
    return score


@pytest.mark.parametrize("number", [1, 2, 3])
def test_mef_ssim_equals_the_plain_evaluation(
    exposures: list[NDArray[np.float64]], number: int
) -> None:
    sources = exposures[-number:]
    for fused in (np.floor(np.mean(sources, axis=0)), sources[0], np.full((45, 47), 60.0)):
        expected = plain_mef_ssim(sources, fused)
        assert 0 < expected < 1
        assert mef_ssim(sources, fused) == pytest.approx(expected, abs=1e-9)


def test_mef_ssim_by_hand() -> None:
    """Stripes of one pixel beside a flat exposure: desired are the stripes, scales 2, 3 are flat.

    The norm of a patch of stripes 100 +- 20 is 20 sqrt(120), and 0.001 is added to it; their
    Gaussian variance is 400 (1 - m^2), m the mean of the signs.
    """
    stripes = np.tile([80, 120], (44, 22))
    flat = np.full((44, 44), 200)
    gauss = np.exp(-((np.arange(11) - 5) ** 2) / 4.5)
    mean = (gauss * (-1) ** np.arange(11)).sum() / gauss.sum()
    variance = 400 * (1 - mean**2)
    factor = 1 + 0.001 / (20 * math.sqrt(120))
    kept = (2 * factor * variance + C) / ((factor**2 + 1) * variance + C)
    lost = C / (factor**2 * variance + C)
    assert mef_ssim([stripes, flat], stripes) == pytest.approx(kept ** WEIGHTS[0], abs=1e-12)
    assert mef_ssim([flat, stripes], flat) == pytest.approx(lost ** WEIGHTS[0], abs=1e-12)


def test_a_uniform_change_of_brightness_does_not_matter(
    exposures: list[NDArray[np.float64]],
) -> None:
    fused = exposures[1] / 2
    brighter = [np.floor(fused) + shift for shift in (0, 50, 100)]
    scores = [mef_ssim(exposures, image) for image in brighter]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-9)


def test_repeated_exposures_change_nothing(exposures: list[NDArray[np.float64]]) -> None:
    a, fused, _ = exposures
    expected = mef_ssim([a], fused)
    assert mef_ssim([a] * 2, fused) == pytest.approx(expected, abs=1e-9)
    assert mef_ssim([a] * 5, fused) == pytest.approx(expected, abs=1e-9)
    assert mef_ssim([a] * 5, a) == pytest.approx(1, abs=1e-6)


def test_order_of_many_exposures_is_irrelevant(exposures: list[NDArray[np.float64]]) -> None:
    many = [*exposures, exposures[0][::-1], exposures[1][:, ::-1]]
    fused = exposures[1]
    assert mef_ssim(many, fused) == pytest.approx(mef_ssim(many[::-1], fused), abs=1e-12)


def test_flat_and_opposite_exposures_leave_nothing_to_find(
    exposures: list[NDArray[np.float64]],
) -> None:
    flat = [np.full((45, 47), value) for value in (0, 77, 255)]
    assert mef_ssim(flat, flat[1]) == 1
    assert mef_ssim([exposures[1], 255 - exposures[1]], flat[1]) == pytest.approx(1, abs=1e-9)


def test_an_inverted_result_scores_zero(exposures: list[NDArray[np.float64]]) -> None:
    assert mef_ssim(exposures[:2], 255 - exposures[1]) == 0


def test_values_are_rounded_to_8_bits(exposures: list[NDArray[np.float64]]) -> None:
    inner = [np.clip(image, 1, 254) for image in exposures]
    shifted = [image + shift for image, shift in zip(inner, (-0.5, 0.49, 0.2), strict=True)]
    assert mef_ssim(shifted, shifted[1]) == mef_ssim(inner, inner[1])


def test_small_images_are_refused() -> None:
    image = np.zeros((50, 43))
    with pytest.raises(ValueError, match="MEF-SSIM needs at least 44 x 44 pixels, found 50 x 43"):
        mef_ssim([image, image], image)


def golden(column: str) -> dict[str, float]:
    with GOLDEN.open(newline="") as file:
        return {row["scene"]: float(row[column]) for row in csv.DictReader(file)}


@needs_golden
@pytest.mark.parametrize("scene", NAMES)
def test_published_values(scene: str) -> None:
    """Two trivial results of each MEFB scene, by code that gives that benchmark's scores."""
    exposures = []
    for name in ("under", "over"):
        image = cv2.imread(str(SCENES / scene / f"{name}.jpg"))
        assert image is not None
        exposures.append(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float64))
    average = np.floor(np.mean(exposures, axis=0) + 0.5)
    assert mef_ssim(exposures, average) == pytest.approx(golden("average")[scene], abs=1e-8)
    assert mef_ssim(exposures, exposures[1]) == pytest.approx(golden("over")[scene], abs=1e-8)


@needs_golden
def test_evaluate_gives_the_published_values(tmp_path: Path) -> None:
    """Within 1e-5: the luma of few pixels is rounded otherwise than by OpenCV's integers."""
    results = tmp_path / "over"
    results.mkdir()
    for scene in NAMES:
        (results / f"{scene}.jpg").write_bytes((SCENES / scene / "over.jpg").read_bytes())
    command = [*EVALUATE, "--scenes", str(SCENES), "--fused", f"over={results}"]
    command += ["--metrics", "mef_ssim", "--output", str(tmp_path / "scores.csv")]
    subprocess.run([*command, "--workers", "1"], check=True, capture_output=True)
    with (tmp_path / "scores.csv").open(newline="") as file:
        found = {row["image"]: float(row["mef_ssim"]) for row in csv.DictReader(file)}
    assert found == pytest.approx(golden("over"), abs=1e-5)
