from pathlib import Path

import cv2
import numpy as np
import pytest

DEMO = Path(__file__).resolve().parents[1] / "demo"
PAIRS = DEMO / "ir_vis"
STEMS = sorted(path.stem for path in (PAIRS / "vis").glob("*.png"))
SCENES = sorted(path.name for path in (DEMO / "exposures").iterdir())
HIDDEN = ("night_street", "underpass", "foggy_road", "smoky_yard")


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return image


def frames(path: Path) -> np.ndarray:
    """Frames of a video, (N, H, W, 3) in B, G, R order."""
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == 12
    found = []
    while (answer := video.read())[0]:
        found.append(answer[1])
    return np.stack(found)


def gray(path: Path) -> np.ndarray:
    """Luma in [0, 1] as float."""
    image = read(path)
    top = 65535 if image.dtype == np.uint16 else 255
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return image.astype(np.float64) / top


def contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """Difference of means between an object and its surroundings, over the image's spread."""
    near = cv2.dilate(mask, np.ones((15, 15), np.uint8)) - cv2.dilate(
        mask, np.ones((3, 3), np.uint8)
    )
    gap = image[mask > 0].mean() - image[near > 0].mean()
    return abs(gap) / image[near > 0].std()


def test_the_set_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*.*")) <= 3_000_000
    assert (len(STEMS), len(SCENES)) == (6, 4)
    for folder in ("ir", "labels"):
        assert sorted(path.stem for path in (PAIRS / folder).glob("*.png")) == STEMS


@pytest.mark.parametrize("stem", STEMS)
def test_pairs_are_aligned_and_of_the_stated_kinds(stem: str) -> None:
    vis, ir, labels = (read(PAIRS / kind / f"{stem}.png") for kind in ("vis", "ir", "labels"))
    assert vis.dtype == np.uint8
    assert vis.shape == (*ir.shape, 3)
    assert labels.shape == ir.shape
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    assert ir.dtype == (np.uint16 if stem == "underpass" else np.uint8)


def test_sizes_bit_depths_and_classes_vary() -> None:
    images = [read(PAIRS / "ir" / f"{stem}.png") for stem in STEMS]
    assert any(image.shape[0] % 2 and image.shape[1] % 2 for image in images)
    assert any(image.shape == (360, 480) for image in images)
    assert any(image.dtype == np.uint16 for image in images)
    seen = set().union(*(np.unique(read(PAIRS / "labels" / f"{stem}.png")) for stem in STEMS))
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("stem", STEMS)
def test_each_modality_holds_what_the_other_lacks(stem: str) -> None:
    vis, ir = gray(PAIRS / "vis" / f"{stem}.png"), gray(PAIRS / "ir" / f"{stem}.png")
    assert ir.std() > 0.02
    assert np.corrcoef(vis.ravel(), ir.ravel())[0, 1] < 0.65


@pytest.mark.parametrize("stem", HIDDEN)
def test_people_stand_out_in_infrared_where_the_eye_fails(stem: str) -> None:
    vis, ir = gray(PAIRS / "vis" / f"{stem}.png"), gray(PAIRS / "ir" / f"{stem}.png")
    person = (read(PAIRS / "labels" / f"{stem}.png") == 2).astype(np.uint8)
    assert contrast(ir, person) > 1.5 * contrast(vis, person)


@pytest.mark.parametrize("scene", SCENES)
def test_exposures_keep_different_ends_of_the_range(scene: str) -> None:
    paths = sorted((DEMO / "exposures" / scene).glob("*.png"), key=lambda path: gray(path).mean())
    images = [read(path) for path in paths]
    assert len(images) >= 2
    assert len({image.shape for image in images}) == 1
    names = [path.stem for path in paths]
    assert names in (["under", "over"], ["ev-2", "ev0", "ev+2"])
    clipped = [(image.min(2) >= 250).mean() for image in images]
    assert clipped[0] < 0.02
    assert clipped[-1] > clipped[0]
    assert np.percentile(images[-1], 10) > np.percentile(images[0], 10)


def test_the_clip_is_registered_and_moves() -> None:
    vis, ir = (frames(DEMO / "video" / f"{kind}.mp4").astype(int) for kind in ("vis", "ir"))
    assert vis.shape == ir.shape == (48, 240, 320, 3)
    assert np.ptp(ir, axis=-1).max() <= 4  # gray, as run_fusion.py demands of infrared videos
    lumas = [video.mean(-1) for video in (vis, ir)]
    for one, other in zip(*lumas, strict=True):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.65
    for luma in lumas:
        steps = np.abs(np.diff(luma, axis=0)).mean((1, 2))
        assert 0.5 < steps.min() <= steps.max() < 2 * np.median(steps)  # no standstill, no cut
