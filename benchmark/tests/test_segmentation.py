"""The table of segmentations, with a stand-in that takes the red channel as the prediction."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmark.segmentation.__main__ import main, parse_args
from benchmark.segmentation.rows import read_label
from benchmark.segmentation.trainings import Experiment
from benchmark.tests.cli import save

TRAIN, TEST = "ab", "cd"
FILES = ("segmentation.md", "segmentation.csv")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set of four scenes; Good has the labels as its images, Bad a 0 in place of each 2."""
    rng = np.random.default_rng(1)
    for scene in TRAIN + TEST:
        label = rng.choice(np.array([0, 0, 1, 2, 255], np.uint8), (24, 32))
        vis = rng.integers(0, 3, (24, 32), dtype=np.uint8)
        save(tmp_path / f"set/labels9/{scene}.png", label)
        save(tmp_path / f"set/vis/{scene}.png", np.dstack([vis] * 3))
        save(tmp_path / f"set/ir/{scene}.png", np.zeros_like(label))
        good = np.where(label == 255, 0, label).astype(np.uint8)
        save(tmp_path / f"good/{scene}.png", good)
        save(tmp_path / f"bad/{scene}.png", np.where(good == 2, 0, good).astype(np.uint8))
    (tmp_path / "set/train.txt").write_text("a\nb\n")
    (tmp_path / "set/val.txt").write_text("c\nd\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The jobs that were started; a stand-in does them."""
    started: list[dict] = []

    def do(self: Experiment, command: Sequence[str], log: Path) -> None:
        job = json.loads(Path(command[-1]).read_text())
        job["laid_out"] = sorted(str(p.relative_to(job["data"])) for p in _files(job["data"]))
        started.append(job)
        if job["seed"] == 7:
            raise ValueError("cut")
        for test in job["tests"]:
            for scene, path in test["images"].items():
                image = np.atleast_3d(cv2.imread(path, cv2.IMREAD_UNCHANGED))[..., 0]
                save(Path(test["output"]) / f"{scene}.png", image)

    monkeypatch.setattr(Experiment, "_start", do)
    return started


def _files(folder: str) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def run(*more: str) -> int:
    flags = ["--data", "set", "--labels", "labels9", "--output", "out", "--device", "cpu"]
    fused = ["--fused", "Good=good", "Bad=bad"]
    return main(parse_args([*flags, *fused, *more]))


def rows(name: str = "out") -> list[dict[str, str]]:
    with Path(name, FILES[1]).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_and_seed_is_trained_on_its_own_images(home: Path, jobs: list[dict]) -> None:
    assert run("--seeds", "0", "3") == 0
    names = ["Visible", "Infrared", "Average", "Good", "Bad"]
    assert [(r["method"], r["seed"]) for r in rows()] == [(n, s) for n in names for s in "03"]
    assert [job["seed"] for job in jobs] == [0] * 5 + [3] * 5
    assert all(
        job["laid_out"]
        == sorted(["train.txt", *(f"{d}/{s}.png" for d in ("ir", "vis", "labels") for s in TRAIN)])
        for job in jobs
    )
    good, bad = rows()[6], rows()[8]
    assert [good[c] for c in ("unlabeled", "car", "person", "bike")] == ["100"] * 3 + ["nan"]
    assert good["mIoU"] == good["mIoU_without_background"] == "100"
    assert [bad[c] for c in ("car", "person")] == ["100", "0"]
    assert float(bad["mIoU_without_background"]) == 50
    truth = np.stack([read_label(Path(f"set/labels9/{s}.png")) for s in TEST])
    background = np.mean(truth[np.isin(truth, (0, 2))] == 0)
    assert float(bad["unlabeled"]) == pytest.approx(100 * background)


def test_the_report_says_how_it_was_made(home: Path, jobs: list[dict]) -> None:
    assert run("--seeds", "0", "3") == 0
    text = Path("out", FILES[0]).read_text("utf-8")
    assert "--seeds 0 3`" in text
    assert "the 2 pairs of train, tested on the 2 of val, 32x24" in text
    assert "torch" in text
    [good] = [line for line in text.splitlines() if line.startswith("| Good")]
    assert good == "| Good |" + " **100.00** ± 0.00 |" * 5


def test_the_other_protocol_tests_segmenters_of_visible_images(
    home: Path, jobs: list[dict]
) -> None:
    assert run("--seeds", "0", "1", "--protocol", "visible") == 0
    assert [len(job["tests"]) for job in jobs] == [5, 5]
    assert {Path(job["run"]).parent.name for job in jobs} == {"Visible"}
    assert rows()[6]["car"] == "100"


def test_finished_results_are_kept_while_nothing_changed(home: Path, jobs: list[dict]) -> None:
    assert run("--seeds", "0", "7") == 1  # the first training with seed 7 is cut
    assert len(jobs) == 6
    assert run("--seeds", "0", "1") == 0
    assert [job["seed"] for job in jobs[6:]] == [1] * 5
    again = ["--seeds", "0", "1", "--overwrite"]
    assert run(*again) == 0
    assert len(jobs) == 11
    save(home / "good/a.png", np.ones((24, 32), np.uint8))  # learned by Good alone
    assert run(*again) == 0
    assert [Path(job["run"]).parent.name for job in jobs[11:]] == ["Good"] * 2
    assert run(*again, "--iterations", "300") == 0
    assert len(jobs) == 13 + 10
    Path("out/predictions/Bad/own_seed0/pixels.json").write_text("{")  # as a killed run leaves it
    assert run(*again, "--iterations", "300") == 0
    assert [Path(job["run"]).parent.name for job in jobs[23:]] == ["Bad"]


def test_a_report_is_not_replaced_unasked(
    home: Path, jobs: list[dict], capsys: pytest.CaptureFixture
) -> None:
    assert run("--seeds", "0") == 0
    assert run("--seeds", "0") == 1
    assert "--overwrite" in capsys.readouterr().err


def test_all_classes_may_be_averaged(home: Path, jobs: list[dict]) -> None:
    for scene in TEST:  # a class that no label has is predicted
        image = cv2.imread(f"good/{scene}.png", -1)
        image[0] = 5
        save(home / f"good/{scene}.png", image)
    assert run("--seeds", "0", "--classes", "all") == 0
    everything = rows()[3]
    assert run("--seeds", "0", "--overwrite") == 0
    labeled = rows()[3]
    assert float(labeled["car_stop"]) == 0
    assert float(everything["mIoU"]) == pytest.approx(3 / 4 * float(labeled["mIoU"]))


def refused(capsys: pytest.CaptureFixture, *messages: str, flags: Sequence[str] = ()) -> None:
    assert run(*flags) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    for message in messages:
        assert message in printed


def test_bad_labels_are_errors(home: Path, jobs: list[dict], capsys: pytest.CaptureFixture) -> None:
    label = home / "set/labels9/c.png"
    original = label.read_bytes()
    label.unlink()
    refused(capsys, "labels9 (--labels) has no label map for c (1 of 4 missing)")
    save(label, np.full((24, 32), 9, np.uint8))
    refused(capsys, "c.png has ids 9;", "--labels")
    save(label, np.zeros((24, 30), np.uint8))
    refused(capsys, "sizes differ", "c.png", "--labels")
    save(label, np.zeros((24, 32, 3), np.uint8))
    refused(capsys, "c.png is not a label map", "--labels")
    label.write_bytes(b"")
    refused(capsys, "c.png is not a label map", "--labels")
    label.write_bytes(original)
    refused(capsys, "(--labels) does not exist", flags=["--labels", "nowhere"])
    assert jobs == []


def test_bad_images_are_errors(home: Path, jobs: list[dict], capsys: pytest.CaptureFixture) -> None:
    (home / "bad/a.png").unlink()
    refused(capsys, "bad (--fused Bad) has no result for a (1 of 4 missing)")
    save(home / "bad/a.png", np.zeros((24, 30), np.uint8))
    refused(capsys, "sizes differ", "bad/a.png", "(--fused Bad)")
    (home / "bad/a.png").write_bytes(b"no image")
    refused(capsys, "bad/a.png", "(--fused Bad)")
    save(home / "set/ir/b.png", np.zeros((20, 32), np.uint8))
    refused(capsys, "sizes differ", "ir/b.png", "(--data")
    assert jobs == []


def test_bad_flags_are_errors(home: Path, jobs: list[dict], capsys: pytest.CaptureFixture) -> None:
    refused(capsys, "GOOD (--fused bad)", "--fused Good", flags=["--fused", "GOOD=bad"])
    refused(capsys, "average (--fused bad)", "always a row", flags=["--fused", "average=bad"])
    refused(capsys, "seed 1 is given 2 times (--seeds)", flags=["--seeds", "1", "0", "1"])
    refused(capsys, "a is on both lists", "--split", flags=["--split", "train", "train"])
    refused(capsys, "no list other (--split)", flags=["--split", "train", "other"])
    refused(capsys, "--warmup 9", "--iterations", flags=["--warmup", "9", "--iterations", "9"])
    missing = ["--pretrained_backbone", "nowhere.pth"]
    refused(capsys, "nowhere.pth (--pretrained_backbone)", flags=missing)
    refused(capsys, "no set nowhere (--data)", flags=["--data", "nowhere"])
    assert jobs == []
