from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from images import read_channels
from metrics import COLUMNS, CONVENTIONS

SCRIPT = Path(__file__).parents[1] / "evaluate.py"
SHAPE = (48, 52)
CHOSEN = ["en", "sf", "mi", "ce", "scd", "vif", "qabf", "ssim"]
FUSED = {"mean": lambda a, b: a // 2 + b // 2, "visible": lambda a, b: b}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs ir/IR<n>.png, vis/VIS<n>.png and two methods' results in fused/."""
    rng = np.random.default_rng(1)
    for number in (1, 2, 3):
        ir, vis = rng.integers(0, 256, (2, *SHAPE), dtype=np.uint8)
        save(tmp_path / f"ir/IR{number}.png", ir)
        save(tmp_path / f"vis/VIS{number}.png", vis)
        for method, fuse in FUSED.items():
            save(tmp_path / f"{method}/{number}.png", fuse(ir, vis))
    return tmp_path


@pytest.fixture
def scenes(folder: Path) -> Path:
    """Scenes scenes/<letter> of 2, 3 and 4 exposures and the two results folders."""
    rng = np.random.default_rng(2)
    for scene, count in zip("abc", (2, 3, 4), strict=True):
        exposures = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
        for number, exposure in enumerate(exposures):
            save(folder / f"scenes/{scene}/{number}.png", exposure)
        save(folder / f"first/{scene}.png", exposures[0])
        save(folder / f"middle/{scene}.png", exposures.mean(axis=0).astype(np.uint8))
    return folder


def save(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def evaluate(folder: Path, *extra: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    """Run evaluate.py in `folder` on the pairs and the two methods."""
    arguments = ["--ir", "ir", "--vis", "vis", "--fused", "mean=mean", "visible=visible"]
    return run(folder, *arguments, "--workers", str(workers), *extra)


def evaluate_scenes(folder: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """Run evaluate.py in `folder` on the scenes and the two methods."""
    arguments = ["--scenes", "scenes", "--fused", "first=first", "middle=middle"]
    return run(folder, *arguments, "--workers", "1", *extra)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run evaluate.py in `folder`, an empty locale as the hardest case."""
    command = [sys.executable, str(SCRIPT), "--output", "out/scores.csv", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def expected_scores(folder: Path, method: str, number: str, convention: str) -> list[float]:
    paths = (f"ir/IR{number}.png", f"vis/VIS{number}.png", f"{method}/{number}.png")
    ir, vis, fused = (read_channels(folder / path) for path in paths)
    return CONVENTIONS[convention].score(CHOSEN, [ir, vis], fused)


def test_scores_and_means(folder: Path) -> None:
    done = evaluate(folder, "--metrics", *CHOSEN, workers=2)
    assert done.returncode == 0, done.stderr
    header, *rows = read(folder / "out/scores.csv")
    assert header == ["method", "image", *CHOSEN]
    assert [row[:2] for row in rows] == [[m, str(n)] for m in FUSED for n in (1, 2, 3)]
    for method, number, *scores in rows:
        expected = expected_scores(folder, method, number, "standard")
        assert [float(s) for s in scores] == pytest.approx(expected, abs=5e-7, nan_ok=True)
    convention, count, methods, *table = done.stdout.splitlines()
    assert convention == "convention standard: the published definitions, on luma in 0-255"
    assert count == "3 images, mean ± standard deviation"
    assert methods.split() == list(FUSED)
    assert len({len(line) for line in (methods, *table)}) == 1
    for column, (name, line) in enumerate(zip(CHOSEN, table, strict=True)):
        label, arrow, *cells = line.split()
        assert (label, arrow) == (COLUMNS[name].label, "↓" if name == "ce" else "↑")
        for place, method in enumerate(FUSED):
            values = [float(row[2 + column]) for row in rows if row[0] == method]
            mean, sign, deviation = cells[3 * place : 3 * place + 3]
            assert sign == "±"
            assert float(mean) == pytest.approx(np.mean(values), abs=6e-5, nan_ok=True)
            assert float(deviation) == pytest.approx(np.std(values, ddof=1), abs=6e-5, nan_ok=True)
    assert "3/3" in done.stderr
    assert list((folder / "out").iterdir()) == [folder / "out/scores.csv"]


@pytest.mark.parametrize("convention", ["vifb", "tang"])
def test_a_convention_has_its_own_tables(folder: Path, convention: str) -> None:
    done = evaluate(folder, "--convention", convention)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"convention {convention}: ")
    header, *rows = read(folder / "out/scores.csv")
    assert header[2:] == list(CONVENTIONS[convention].default)
    images = [read_channels(folder / path) for path in ("ir/IR1.png", "vis/VIS1.png", "mean/1.png")]
    expected = CONVENTIONS[convention].score(header[2:], images[:2], images[2])
    assert [float(score) for score in rows[0][2:]] == pytest.approx(expected, abs=5e-7)


def test_the_standard_has_all_metrics(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("ir/1.png", "vis/1.png", "mean/1.png"):
        save(tmp_path / name, rng.integers(0, 256, (161, 165, 3), dtype=np.uint8))
    arguments = ["--ir", "ir", "--vis", "vis", "--fused", "mean=mean", "--workers", "1"]
    done = run(tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    header, row = read(tmp_path / "out/scores.csv")
    assert header == ["method", "image", *COLUMNS]
    assert np.isfinite([float(score) for score in row[2:]]).all()
    assert "±" not in done.stdout.split("\n", 2)[2]  # one image has no deviation


def test_scenes(scenes: Path) -> None:
    done = evaluate_scenes(scenes)
    assert done.returncode == 0, done.stderr
    header, *rows = read(scenes / "out/scores.csv")
    assert header == ["method", "image", "en", "sd", "sf", "ag", "ei", "mef_ssim"]
    assert [row[:2] for row in rows] == [[m, s] for m in ("first", "middle") for s in "abc"]
    for method, scene, *scores in rows:
        exposures = [read_channels(path) for path in (scenes / "scenes" / scene).iterdir()]
        fused = read_channels(scenes / f"{method}/{scene}.png")
        expected = CONVENTIONS["standard"].score(header[2:], exposures, fused)
        assert [float(score) for score in scores] == pytest.approx(expected, abs=5e-7)
    _, count, methods, *table = done.stdout.splitlines()
    assert count.startswith("3 images")
    assert methods.split() == ["first", "middle"]
    assert table[-1].startswith("MEF-SSIM ↑")


def test_scenes_of_two_exposures_are_pairs(scenes: Path) -> None:
    for scene in "bc":
        shutil.rmtree(scenes / "scenes" / scene)
        for method in ("first", "middle"):
            (scenes / method / f"{scene}.png").unlink()
    assert evaluate_scenes(scenes, "--convention", "vifb").returncode == 0
    header, row, _ = read(scenes / "out/scores.csv")
    assert header[2:] == list(CONVENTIONS["vifb"].default)
    exposures = [read_channels(scenes / f"scenes/a/{number}.png") for number in (0, 1)]
    fused = read_channels(scenes / "first/a.png")
    expected = CONVENTIONS["vifb"].score(header[2:], exposures, fused)
    assert [float(score) for score in row[2:]] == pytest.approx(expected, abs=5e-7)


def test_metrics_of_two_sources_refuse_more_exposures(scenes: Path) -> None:
    done = evaluate_scenes(scenes, "--metrics", "mi", "mef_ssim", "scd")
    refused(
        scenes,
        done,
        "mi, scd (--metrics) compare a result with two sources; scene b (--scenes) has 3",
    )


def test_chosen_metrics(scenes: Path) -> None:
    assert evaluate(scenes, "--metrics", "ssim", "mef_ssim", "ssim").returncode == 0
    assert read(scenes / "out/scores.csv")[0] == ["method", "image", "ssim", "mef_ssim"]
    assert evaluate_scenes(scenes, "--metrics", "mef_ssim", "--overwrite").returncode == 0
    assert read(scenes / "out/scores.csv")[0] == ["method", "image", "mef_ssim"]


def test_single_files(folder: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--ir", "ir/IR1.png", "--vis", "vis/VIS2.png"]
    command += ["--fused", "a=mean/3.png", "--fused", "b=ir/IR1.png", "--output", "one.csv"]
    command += ["--metrics", "en"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert [row[:2] for row in read(folder / "one.csv")[1:]] == [["a", "2"], ["b", "2"]]


def test_existing_output_needs_overwrite(folder: Path) -> None:
    output = folder / "out/scores.csv"
    output.parent.mkdir()
    output.write_text("precious")
    done = evaluate(folder)
    assert done.returncode == 1
    assert "scores.csv exists; replace it with --overwrite" in done.stderr
    assert output.read_text() == "precious"
    assert evaluate(folder, "--overwrite", "--metrics", "en").returncode == 0
    assert len(read(output)) == 7


def refuse(folder: Path, *messages: str, workers: int = 1) -> None:
    refused(folder, evaluate(folder, workers=workers), *messages)


def refused(folder: Path, done: subprocess.CompletedProcess[str], *messages: str) -> None:
    assert done.returncode == 1
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "out").exists()


def test_a_missing_result_is_named(folder: Path) -> None:
    (folder / "mean/2.png").unlink()
    refuse(folder, "mean (--fused mean) has no image for 2 of --vis")


def test_sizes_must_agree(folder: Path) -> None:
    small = np.zeros((48, 51), dtype=np.uint8)
    save(folder / "visible/2.png", small)
    save(folder / "ir/IR3.png", small)
    sources = f"{Path('ir/IR3.png')} 48 x 51, {Path('vis/VIS3.png')} 48 x 52"
    result = f"{Path('vis/VIS2.png')} 48 x 52, {Path('visible/2.png')} 48 x 51"
    refuse(
        folder,
        f"3 (--ir, --vis): sizes differ, height x width: {sources}",
        f"2 (--fused visible): sizes differ, height x width: {result}",
    )


def test_sizes_must_agree_in_scenes(scenes: Path) -> None:
    small = np.zeros((48, 51), dtype=np.uint8)
    save(scenes / "scenes/b/1.png", small)
    save(scenes / "middle/c.png", small)
    refused(
        scenes,
        evaluate_scenes(scenes),
        f"b (--scenes): sizes differ, height x width: {Path('scenes/b/0.png')} 48 x 52, "
        f"{Path('scenes/b/1.png')} 48 x 51",
        f"c (--fused middle): sizes differ, height x width: {Path('scenes/c/3.png')} 48 x 52, "
        f"{Path('middle/c.png')} 48 x 51",
    )


def test_a_missing_result_of_a_scene_is_named(scenes: Path) -> None:
    (scenes / "middle/b.png").unlink()
    done = evaluate_scenes(scenes)
    refused(scenes, done, "middle (--fused middle) has no image for b of --scenes")


def test_a_scene_of_one_exposure_is_refused(scenes: Path) -> None:
    (scenes / "scenes/a/1.png").unlink()
    done = evaluate_scenes(scenes)
    refused(scenes, done, f"{Path('scenes/a')} (--scenes) has one exposure, 0.png")


def test_images_too_small_for_a_metric_are_named(scenes: Path) -> None:
    for path in (*(scenes / "scenes/a").iterdir(), scenes / "first/a.png", scenes / "middle/a.png"):
        save(path, np.zeros((43, 52), dtype=np.uint8))
    done = evaluate_scenes(scenes)
    refused(scenes, done, "a (--fused first): MEF-SSIM needs at least 44 x 44 pixels, found 43")


def test_every_unreadable_file_is_named(folder: Path) -> None:
    (folder / "vis/VIS1.png").write_text("text")
    (folder / "mean/3.png").write_bytes(b"")
    vis, fused = Path("vis/VIS1.png"), Path("mean/3.png")
    messages = (f"{vis} cannot be decoded", f"3 (--fused mean): {fused} cannot be decoded")
    refuse(folder, *messages, workers=2)


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        (("--fused", "mean"), 2, "expected NAME=DIR, found 'mean'"),
        (("--fused", "mean=visible"), 1, "--fused names a method twice"),
        (("--workers", "0"), 2, "expected a whole number from 1, found '0'"),
        (("--ir", "none"), 1, "none (--ir) does not exist"),
        (("--scenes", "scenes"), 2, "--scenes cannot be combined with --ir and --vis"),
        (("--metrics", "snr"), 2, "invalid choice: 'snr'"),
        (("--convention", "mine"), 2, "invalid choice: 'mine'"),
        (
            ("--convention", "vifb", "--metrics", "en", "scd", "vif"),
            2,
            "--convention vifb has no scd, vif (--metrics); it has en, sd, sf,",
        ),
    ],
)
def test_wrong_arguments(folder: Path, extra: tuple[str, ...], status: int, message: str) -> None:
    done = evaluate(folder, *extra)
    assert done.returncode == status
    assert message in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ir", "ir"), "give the sources with --ir and --vis, or with --scenes"),
        ((), "give the sources with --ir and --vis, or with --scenes"),
        (("--scenes", "scenes", "--vis", "vis"), "--scenes cannot be combined with --vis"),
    ],
)
def test_sources_are_pairs_or_scenes(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path, *arguments, "--fused", "mean=mean")
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
