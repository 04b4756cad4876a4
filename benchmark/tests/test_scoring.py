"""Batches, devices, and images that cannot be scored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.image_files import read_channels
from benchmark.metrics import CONVENTIONS
from benchmark.scoring import Job, Scorer, score_all
from benchmark.tests.cli import PAIRS, SCENES, read, refused, run, run_script, save

METRICS = ["en", "mi", "vif", "qabf", "ssim"]


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Five color pairs of two sizes with two results each, the last pair too small for VIF."""
    rng = np.random.default_rng(4)
    found = []
    for number, (height, width) in enumerate([(48, 52), (60, 44), (48, 52), (48, 52), (30, 52)]):
        images = rng.integers(0, 256, (4, height, width, 3), dtype=np.uint8)
        paths = [tmp_path / f"{number}_{index}.png" for index in range(4)]
        for path, image in zip(paths, images, strict=True):
            save(path, image)
        fused = {"first": paths[2], "second": paths[3]}
        found.append(Job(str(number), paths[:2], "--ir, --vis", fused))
    return found


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(("device", "batch"), [("cpu", 3), ("cpu:0", 4)])
def test_batches_give_the_scores_of_single_images(
    jobs: list[Job], convention: str, device: str, batch: int
) -> None:
    functions = CONVENTIONS[convention].functions
    metrics = [name for name in ("en", "sf", "mi", "psnr", "qabf", "ssim") if name in functions]
    scorer = Scorer(convention, metrics, device, batch=batch)  # cpu:0 takes the way of a GPU
    found = list(score_all(jobs, scorer, 2))
    assert len(found) == len(jobs)
    for job, (rows, failures) in zip(jobs, found, strict=True):
        assert failures == []
        assert {row.method for row in rows} == {"first", "second"}
        sources = [read_channels(path) for path in job.sources]
        for row in rows:
            fused = read_channels(job.fused[row.method])
            expected = CONVENTIONS[convention].score(metrics, sources, fused)
            assert row.image == job.image
            assert row.values == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-8), ("float32", 1e-4)])
@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
        ),
    ],
)
def test_devices_and_precisions_agree(
    folder: Path, device: str, precision: str, tolerance: float
) -> None:
    words = ("--metrics", *METRICS, "--device", device, "--precision", precision, "--batch", "4")
    assert run(folder, *PAIRS, *words).returncode == 0
    _, *rows = read(folder / "out/scores.csv")
    assert len(rows) == 6
    for method, number, *values in rows:
        paths = (f"ir/IR{number}.png", f"vis/VIS{number}.png", f"{method}/{number}.png")
        ir, vis, fused = (read_channels(folder / path) for path in paths)
        expected = CONVENTIONS["standard"].score(METRICS, [ir, vis], fused)
        assert [float(value) for value in values] == pytest.approx(expected, rel=tolerance)


def test_auto_is_a_gpu_or_the_cpu(folder: Path) -> None:
    assert run(folder, *PAIRS, "--metrics", "en", "--device", "auto").returncode == 0


def test_scenes_in_batches(scenes: Path) -> None:
    assert run(scenes, *SCENES, "--output", "one.csv").returncode == 0
    assert run(scenes, *SCENES, "--output", "many.csv", "--batch", "8").returncode == 0
    one, many = (read(scenes / name) for name in ("one.csv", "many.csv"))
    assert [row[:2] for row in many] == [row[:2] for row in one]
    for found, expected in zip(many[1:], one[1:], strict=True):
        assert [*map(float, found[2:])] == pytest.approx([*map(float, expected[2:])], rel=1e-8)


@pytest.mark.parametrize("device", ["mps", "cuda:99", "cpu:1", "cuda:x", "gpu"])
def test_a_device_that_is_not_there(folder: Path, device: str) -> None:
    refused(folder, run(folder, *PAIRS, "--device", device), f"--device {device}: metrics can be")


def test_a_batch_that_does_not_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*images: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setitem(CONVENTIONS["standard"].functions, "en", full)
    done = run(folder, *PAIRS, "--metrics", "en", "--batch", "6", "--keep_going")
    refused(folder, done, "6 results of one size do not fit into the memory of cpu; lower --batch")


def test_an_image_that_is_too_small_fails_alone(jobs: list[Job]) -> None:
    *whole, (rows, failures) = score_all(jobs, Scorer("standard", ["vif"], batch=10), 1)
    assert all(len(found) == 2 and not failed for found, failed in whole)
    assert rows == []
    assert [failure.method for failure in failures] == ["first", "second"]
    assert "VIF needs at least 41 x 41 pixels, found 30 x 52" in str(failures[0])


@pytest.mark.parametrize("more", [("--workers", "1"), ("--workers", "2", "--batch", "2")])
def test_failed_images_do_not_cost_the_table(folder: Path, more: tuple[str, ...]) -> None:
    assert run(folder, *PAIRS, "--metrics", "en", "--output", "all.csv").returncode == 0
    (folder / "vis/VIS1.png").write_text("text")  # a source
    (folder / "mean/2.png").unlink()
    done = run_script(folder, *PAIRS, "--metrics", "en", "--keep_going", *more)
    assert done.returncode == 1
    left = [["mean", "3"], ["visible", "2"], ["visible", "3"]]
    header, *rows = read(folder / "all.csv")
    assert read(folder / "out/scores.csv") == [header, *(row for row in rows if row[:2] in left)]
    assert f"1 (--ir, --vis): {Path('vis/VIS1.png')} cannot be decoded" in done.stderr
    assert "2 (--fused mean): " in done.stderr
    assert str(Path("mean/2.png")) in done.stderr
    assert "images that were scored, of 3: mean 1, visible 2" in done.stdout


def test_no_table_where_all_images_fail(folder: Path) -> None:
    for number in (1, 2, 3):
        (folder / f"ir/IR{number}.png").write_bytes(b"")
    refused(folder, run(folder, *PAIRS, "--keep_going"), "IR1.png cannot be decoded", "not written")
