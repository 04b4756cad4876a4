import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.image_files import read_channels
from benchmark.metrics import CONVENTIONS
from benchmark.tests.cli import PAIRS, SCENES, read, refused, run, save


def test_scenes(scenes: Path) -> None:
    done = run(scenes, *SCENES)
    assert done.returncode == 0, done.stderr
    header, *rows = read(scenes / "out/scores.csv")
    assert header == ["method", "image", "en", "sd", "sf", "ag", "ei", "mef_ssim"]
    assert [row[:2] for row in rows] == [[m, s] for m in ("first", "middle") for s in "abc"]
    for method, scene, *scores in rows:
        exposures = [read_channels(path) for path in (scenes / "scenes" / scene).iterdir()]
        fused = read_channels(scenes / f"{method}/{scene}.png")
        expected = CONVENTIONS["standard"].score(header[2:], exposures, fused)
        assert [float(score) for score in scores] == pytest.approx(expected, rel=1e-8)
    _, count, methods, *table = done.stdout.splitlines()
    assert count.startswith("3 images")
    assert methods.split() == ["first", "middle"]
    assert table[-1].startswith("MEF-SSIM ↑")


def test_scenes_of_two_exposures_are_pairs(scenes: Path) -> None:
    for scene in "bc":
        shutil.rmtree(scenes / "scenes" / scene)
        for method in ("first", "middle"):
            (scenes / method / f"{scene}.png").unlink()
    assert run(scenes, *SCENES, "--convention", "vifb").returncode == 0
    header, row, _ = read(scenes / "out/scores.csv")
    assert header[2:] == list(CONVENTIONS["vifb"].default)
    exposures = [read_channels(scenes / f"scenes/a/{number}.png") for number in (0, 1)]
    fused = read_channels(scenes / "first/a.png")
    expected = CONVENTIONS["vifb"].score(header[2:], exposures, fused)
    assert [float(score) for score in row[2:]] == pytest.approx(expected, rel=1e-8)


def test_metrics_of_two_sources_refuse_more_exposures(scenes: Path) -> None:
    done = run(scenes, *SCENES, "--metrics", "mi", "mef_ssim", "scd")
    refused(
        scenes,
        done,
        "mi, scd (--metrics) compare a result with two sources; scene b (--scenes) has 3",
    )


def test_sizes_must_agree_in_scenes(scenes: Path) -> None:
    small = np.zeros((48, 51), dtype=np.uint8)
    save(scenes / "scenes/b/1.png", small)
    save(scenes / "middle/c.png", small)
    refused(
        scenes,
        run(scenes, *SCENES),
        f"b (--scenes): sizes differ, height x width: {Path('scenes/b/0.png')} 48 x 52, "
        f"{Path('scenes/b/1.png')} 48 x 51",
        f"c (--fused middle): sizes differ, height x width: {Path('scenes/c/3.png')} 48 x 52, "
        f"{Path('middle/c.png')} 48 x 51",
    )


def test_a_missing_result_of_a_scene_is_named(scenes: Path) -> None:
    (scenes / "middle/b.png").unlink()
    done = run(scenes, *SCENES)
    refused(scenes, done, "middle (--fused middle) has no image for b of --scenes")


def test_a_scene_of_one_exposure_is_refused(scenes: Path) -> None:
    (scenes / "scenes/a/1.png").unlink()
    done = run(scenes, *SCENES)
    refused(scenes, done, f"{Path('scenes/a')} (--scenes) has one exposure, 0.png")


def test_images_too_small_for_a_metric_are_named(scenes: Path) -> None:
    for path in (*(scenes / "scenes/a").iterdir(), scenes / "first/a.png", scenes / "middle/a.png"):
        save(path, np.zeros((43, 52), dtype=np.uint8))
    done = run(scenes, *SCENES)
    refused(scenes, done, "a (--fused first): MEF-SSIM needs at least 44 x 44 pixels, found 43")


def test_chosen_metrics(scenes: Path) -> None:
    assert run(scenes, *PAIRS, "--metrics", "ssim", "mef_ssim", "ssim").returncode == 0
    assert read(scenes / "out/scores.csv")[0] == ["method", "image", "ssim", "mef_ssim"]
    assert run(scenes, *SCENES, "--metrics", "mef_ssim", "--overwrite").returncode == 0
    assert read(scenes / "out/scores.csv")[0] == ["method", "image", "mef_ssim"]
