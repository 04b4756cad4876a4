"""Agreement with scikit-image and with published scores on two pairs of VIFB, where present."""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import shannon_entropy
from skimage.metrics import structural_similarity

from images import read_luma
from metrics import (
    average_gradient,
    entropy,
    mutual_information,
    qabf,
    spatial_frequency,
    ssim,
    standard_deviation,
)

SCRIPT = Path(__file__).parents[1] / "evaluate.py"
VIFB = Path(__file__).parents[3] / "shared" / "data" / "vifb"
PAIRS = ("carLight", "manCall")
METHODS = ("ADF", "CNN", "DLF", "MSVD")
CASES = [(pair, method) for pair in PAIRS for method in METHODS]
pytestmark = pytest.mark.skipif(not VIFB.is_dir(), reason="the VIFB pairs are not in shared/data")


def channels(path: Path) -> NDArray[np.float64]:
    """Read the colour channels, (3, H, W), in 0-255."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, path
    return np.moveaxis(image.astype(np.float64), 2, 0)


def images(pair: str, method: str) -> tuple[NDArray[np.float64], ...]:
    paths = (f"vis/{pair}.jpg", f"ir/{pair}.jpg", f"fused/{pair}_{method}.jpg")
    a, b, fused = (channels(VIFB / path) for path in paths)
    return a, b, fused


def published(pair: str, method: str, metric: str) -> float:
    return float((VIFB / "metrics" / f"{pair}_{method}_{metric}.txt").read_text())


def stretch(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.floor((image - image.min()) / (image.max() - image.min()) * 255 + 0.5)


@pytest.mark.parametrize(("pair", "method"), CASES)
def test_published_values(pair: str, method: str) -> None:
    """VIFB averages over R, G, B; it sums the two SSIMs; its MI is in nats of stretched images.

    It takes SF of the three channels side by side.
    """
    triples = list(zip(*images(pair, method), strict=True))
    en = np.mean([entropy(f) for _, _, f in triples])
    sd = np.mean([standard_deviation(f) for _, _, f in triples])
    sf = spatial_frequency(np.hstack([f for _, _, f in reversed(triples)]))  # R, G, B
    ag = np.mean([average_gradient(f) for _, _, f in triples])
    mi = np.mean([mutual_information([stretch(a), stretch(b)], stretch(f)) for a, b, f in triples])
    similarity = np.mean([ssim([a, b], f) for a, b, f in triples])
    q = np.mean([qabf([a, b], f) for a, b, f in triples])
    assert en == pytest.approx(published(pair, method, "Entropy"), abs=1e-4)
    assert sd == pytest.approx(published(pair, method, "Variance"), abs=5e-4)
    assert sf == pytest.approx(published(pair, method, "Spatial_frequency"), abs=5e-4)
    assert ag == pytest.approx(published(pair, method, "Avg_gradient"), abs=5e-5)
    assert mi * math.log(2) == pytest.approx(published(pair, method, "Mutinf"), abs=1e-4)
    assert 2 * similarity == pytest.approx(published(pair, method, "Ssim"), abs=1e-4)
    assert q == pytest.approx(published(pair, method, "Qabf"), abs=2e-4)  # its rule for gF = gA


def test_evaluate_agrees_with_scikit_image(tmp_path: Path) -> None:
    """EN of the luma rounded half up, SSIM of the luma as it is: BT.601, full range."""
    for pair, method in CASES:
        (tmp_path / method).mkdir(exist_ok=True)
        shutil.copy(VIFB / f"fused/{pair}_{method}.jpg", tmp_path / method / f"{pair}.jpg")
    command = [sys.executable, str(SCRIPT), "--ir", str(VIFB / "ir"), "--vis", str(VIFB / "vis")]
    command += ["--fused", *(f"{m}={tmp_path / m}" for m in METHODS)]
    command += ["--output", str(tmp_path / "scores.csv")]
    subprocess.run(command, check=True, capture_output=True)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["image"], row["method"]) for row in rows) == sorted(CASES)
    for row in rows:
        ir, vis = (read_luma(VIFB / kind / f"{row['image']}.jpg") for kind in ("ir", "vis"))
        fused = read_luma(tmp_path / row["method"] / f"{row['image']}.jpg")
        expected = shannon_entropy(np.floor(fused + 0.5))
        assert float(row["en"]) == pytest.approx(expected, abs=1e-6)
        both = [
            structural_similarity(
                source,
                fused,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for source in (ir, vis)
        ]
        assert float(row["ssim"]) == pytest.approx(np.mean(both), abs=1e-6)
