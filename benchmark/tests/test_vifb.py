"""Agreement with the published scores of two pairs of VIFB, where they are present."""

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.measure import shannon_entropy

from benchmark.image_files import read_channels, read_luma
from benchmark.metrics import CONVENTIONS
from benchmark.metrics.vifb import PRINTED
from benchmark.tests.cli import EVALUATE
from benchmark.tests.plain import skimage_ssim
from benchmark.tests.reference import ABSENT, REFERENCE

CONVENTION = CONVENTIONS["vifb"]
VIFB = REFERENCE / "data" / "vifb"
PAIRS = ("carLight", "manCall")
METHODS = ("ADF", "CNN", "DLF", "MSVD")
CASES = [(pair, method) for pair in PAIRS for method in METHODS]
DIGITS = 5e-5  # five digits are printed
LOOSE = {"qabf": 1e-3, "qcb": 1e-3, "qcv": 1e-3, "ssim": 1e-3}
needs_vifb = pytest.mark.skipif(not VIFB.is_dir(), reason=ABSENT)


def published(pair: str, method: str, metric: str) -> float:
    return float((VIFB / "metrics" / f"{pair}_{method}_{PRINTED[metric]}.txt").read_text())


def compare(pair: str, method: str, fused: NDArray[np.float64]) -> tuple[list[str], list[str]]:
    """Return a table line for each metric and the metrics that disagree."""
    sources = [read_channels(VIFB / kind / f"{pair}.jpg") for kind in ("vis", "ir")]
    lines, wrong = [], []
    for metric, found in zip(PRINTED, CONVENTION.score(list(PRINTED), sources, fused), strict=True):
        expected = published(pair, method, metric)
        error = abs(found / expected - 1)
        if error > LOOSE.get(metric, DIGITS):
            wrong.append(metric)
        lines.append(
            f"{pair:9} {method:5} {PRINTED[metric]:18} {expected:<9.5g} {found:<12.8g} {error:.1e}"
        )
    return lines, wrong


@needs_vifb
def test_all_published_values(capsys: pytest.CaptureFixture[str]) -> None:
    """13 metrics of 2 pairs and 4 methods: 104 values, in a table that is always shown."""
    table, wrong = [], []
    for pair, method in CASES:
        lines, failed = compare(pair, method, read_channels(VIFB / f"fused/{pair}_{method}.jpg"))
        table += lines
        wrong += [f"{pair} {method} {metric}" for metric in failed]
    with capsys.disabled():
        print("\npair      method metric            published computed     relative error")
        print("\n".join(table))
        print(f"{len(table) - len(wrong)} of {len(table)} values agree")
    assert len(table) == 104
    assert not wrong


@needs_vifb
def test_a_slightly_different_image_disagrees_everywhere() -> None:
    """One value in a hundred changed by 40 levels: each metric must notice at its tolerance."""
    fused = read_channels(VIFB / "fused/manCall_CNN.jpg")
    rng = np.random.default_rng(0)
    hit = rng.random(fused.shape) < 0.01
    changed = np.clip(fused + hit * rng.choice([-40, 40], fused.shape), 0, 255)
    _, wrong = compare("manCall", "CNN", changed)
    assert wrong == list(PRINTED)


def test_the_13_metrics() -> None:
    assert CONVENTION.default == tuple(CONVENTION.functions) == tuple(PRINTED)
    assert len(PRINTED) == 13


def test_channels_are_scored_and_averaged() -> None:
    rng = np.random.default_rng(1)
    a, b, fused = rng.integers(0, 256, (3, 3, 20, 24)).astype(np.float64)
    for metric in PRINTED:
        found = CONVENTION.score([metric], [a, b], fused)
        alone = [
            CONVENTION.score([metric], [a[k : k + 1], b[k : k + 1]], fused[k : k + 1])
            for k in range(3)
        ]
        agrees = found == [pytest.approx(np.mean(alone))]
        assert agrees == (metric != "sf"), metric
    side_by_side = np.hstack(list(fused))[None]
    expected = CONVENTION.score(["sf"], [side_by_side, side_by_side], side_by_side)
    assert CONVENTION.score(["sf"], [a, b], fused) == pytest.approx(expected)


def test_gray_sources_of_color_and_color_sources_of_gray() -> None:
    rng = np.random.default_rng(2)
    vis, fused = rng.integers(0, 256, (2, 3, 20, 24)).astype(np.float64)
    ir = vis[:1]
    repeated = CONVENTION.score(list(PRINTED), [vis, np.repeat(ir, 3, axis=0)], fused)
    assert CONVENTION.score(list(PRINTED), [vis, ir], fused) == repeated
    gray = np.floor(np.tensordot([0.298936, 0.587043, 0.114021], vis, axes=1) + 0.5)[None]
    expected = CONVENTION.score(list(PRINTED), [gray, ir], fused[:1])
    assert CONVENTION.score(list(PRINTED), [vis, ir], fused[:1]) == expected


def test_by_hand() -> None:
    """Errors of 3 and 4 in 2 pixels: sqrt(25) / 2 in place of sqrt(25 / 2), halved by a source."""
    fused = np.array([[[10.0, 20.0]]])
    sources = [fused + np.array([3.0, 4.0]), fused]
    rmse, psnr = CONVENTION.score(["rmse", "psnr"], sources, fused)
    assert rmse == pytest.approx(1.25)
    assert psnr == pytest.approx(10 * np.log10(255**2 / 1.25))
    steps = np.array([[[0.0, 1.0, 2.0, 2.0]]])  # stretched to 0, 128, 255, 255
    assert CONVENTION.score(["mi"], [steps, steps], steps + 7) == pytest.approx(
        [2 * 1.5 * np.log(2)]
    )


@needs_vifb
def test_evaluate_agrees(tmp_path: Path) -> None:
    """EN and SSIM of the luma with scikit-image; the same images under `--convention vifb`."""
    for pair, method in CASES:
        (tmp_path / method).mkdir(exist_ok=True)
        shutil.copy(VIFB / f"fused/{pair}_{method}.jpg", tmp_path / method / f"{pair}.jpg")
    rows = {}
    for convention, metrics in (("standard", ["en", "ssim"]), ("vifb", ["sf", "psnr"])):
        command = [*EVALUATE, "--ir", str(VIFB / "ir"), "--vis", str(VIFB / "vis")]
        command += ["--fused", *(f"{m}={tmp_path / m}" for m in METHODS)]
        command += ["--convention", convention, "--metrics", *metrics]
        command += ["--output", str(tmp_path / f"{convention}.csv"), "--workers", "1"]
        done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
        assert done.stdout.startswith(f"convention {convention}: ")
        with (tmp_path / f"{convention}.csv").open(newline="") as file:
            rows[convention] = {(row["image"], row["method"]): row for row in csv.DictReader(file)}
        assert sorted(rows[convention]) == sorted(CASES)
    for (pair, method), row in rows["standard"].items():
        ir, vis = (read_luma(VIFB / kind / f"{pair}.jpg") for kind in ("ir", "vis"))
        fused = read_luma(tmp_path / method / f"{pair}.jpg")
        expected = shannon_entropy(np.floor(fused + 0.5001))
        assert float(row["en"]) == pytest.approx(expected, abs=1e-6)
        both = [skimage_ssim(source, fused) for source in (ir, vis)]
        assert float(row["ssim"]) == pytest.approx(np.mean(both), abs=1e-6)
        for metric in ("sf", "psnr"):
            found = float(rows["vifb"][pair, method][metric])
            assert found == pytest.approx(published(pair, method, metric), rel=DIGITS)
