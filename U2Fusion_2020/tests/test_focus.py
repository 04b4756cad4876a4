"""Multi-focus pairs that are made from sharp photographs."""

import argparse
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers import get, picture, put, put_photos, run_script
from utils.util_dataset import find_task_scenes
from utils.util_focus import Photograph, defocus, main
from utils.utils import InputError


def sharp(height: int = 120, width: int = 150, seed: int = 0) -> np.ndarray:
    """Return fine texture, whose blur is far from it, in [0, 1]."""
    return np.random.default_rng(seed).random((height, width), np.float32)


def test_defocus_keeps_one_of_the_two_sharp() -> None:
    image = sharp()
    for seed in range(5):
        near, far = defocus(image, random.Random(seed))
        in_near, in_far = (np.abs(x - image) < 1e-6 for x in (near, far))
        assert 0.25 < in_near.mean() < 0.6
        assert 0.25 < in_far.mean() < 0.6
        assert (in_near | in_far).mean() > 0.6  # all but the border between the parts
        border = ~(in_near | in_far)
        grown = cv2.dilate((in_far & ~in_near).astype(np.uint8), np.ones((41, 41)))
        assert not (border & ~grown.astype(bool)).any()  # the border lies where both parts are near
        assert np.std(near[in_far]) < 0.5 * np.std(image)  # the other one is blurred there
        assert np.std(far[in_near]) < 0.5 * np.std(image)


def test_both_parts_are_complementary() -> None:
    image = sharp()
    near, far = defocus(image, random.Random(1))
    blurred = near + far - image  # wherever the border is
    sigmas = np.arange(1, 4.05, 0.05)
    off = [np.abs(cv2.GaussianBlur(image, (0, 0), s) - blurred).mean() for s in sigmas]
    assert min(off) < 2e-3
    assert max(off) > 10 * min(off)
    assert min(near.min(), far.min()) >= 0
    assert max(near.max(), far.max()) <= 1


def test_chance_decides_the_parts() -> None:
    image = sharp()
    first, again, other = (defocus(image, random.Random(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("corner", [(0, 0), (30, 40), (68, 88)])
def test_a_cut_is_blurred_as_the_whole_photograph(tmp_path: Path, corner: tuple[int, int]) -> None:
    pixels = np.rint(255 * sharp(100, 120)).astype(np.uint8)
    photograph = Photograph([put(tmp_path / "a.png", pixels)])
    top, left = corner
    place = (slice(top, top + 32), slice(left, left + 32))
    unit = pixels / np.float32(255)
    for seed in range(4):
        near, far = photograph.pair(place, random.Random(seed))
        assert near.shape == (32, 32)
        blurred = near + far - unit[place]
        sigmas = np.arange(1, 4.01, 0.01)
        off = [np.abs(cv2.GaussianBlur(unit, (0, 0), s)[place] - blurred).max() for s in sigmas]
        assert min(off) < 0.01  # also at the rim of the cut, from what lies beyond it


def test_command_that_makes_pairs(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 2)
    put(photos / "02.tif", picture(2, 40, 30, dtype=np.uint16))
    output = tmp_path / "out"
    words = ("--image_path", photos, "--output", output)
    done = run_script("utils.util_focus", *words, launcher=["-m"])
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in output.iterdir()) == ["far", "near", "sharp"]
    for stem, dtype in (("00", np.uint8), ("01", np.uint8), ("02", np.uint16)):
        planes = [get(output / name / f"{stem}.png") for name in ("near", "far", "sharp")]
        assert {(x.shape, x.dtype) for x in planes} == {((40, 30), np.dtype(dtype))}
        source = get(photos / (f"{stem}.png" if dtype == np.uint8 else f"{stem}.tif"))
        assert np.abs(planes[2] - source @ [0.299, 0.587, 0.114]).max() <= 1
        assert not np.array_equal(planes[0], planes[1])
    assert len(find_task_scenes("mff", [output])) == 3
    before = (output / "near" / "00.png").read_bytes()
    with pytest.raises(InputError, match=r"exists \(9 of 9 results\)"):
        main(focus_flags(photos, output, seed=5))
    assert (output / "near" / "00.png").read_bytes() == before


def focus_flags(photos: Path, output: Path, **others: int) -> argparse.Namespace:
    return argparse.Namespace(
        image_path=photos, output=output, **{"train_num": None, "seed": 0, **others}
    )


def test_seed_and_number_of_made_pairs(tmp_path: Path) -> None:
    photos = put_photos(tmp_path / "photos", 3)
    for name, others in (("a", {}), ("b", {"train_num": 2}), ("c", {"seed": 1})):
        main(focus_flags(photos, tmp_path / name, **others))
    a, b, c = (
        {f.name: get(f).tolist() for f in (tmp_path / name / "near").iterdir()} for name in "abc"
    )
    assert sorted(b) == ["00.png", "01.png"]
    assert all(b[name] == a[name] for name in b)
    assert all(c[name] != a[name] for name in a)


def test_two_photographs_of_one_stem(tmp_path: Path) -> None:
    """One result would replace the other."""
    for suffix in ("png", "bmp"):
        put(tmp_path / "photos" / f"a.{suffix}", picture(len(suffix)))
    with pytest.raises(InputError, match=r"a\.\w+"):
        main(focus_flags(tmp_path / "photos", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
